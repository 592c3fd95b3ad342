"""The child that looks, from its parent's side. It may get stuck in a call, and then not even die."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import IO, Any, cast

from nlinkshim.child import python

MOST_HELD = 1 << 16  # bytes of a line; a child that writes more is none of ours


class DiedError(Exception):
    """It ended; the text says how."""


class Worker:
    """One child for one path. `sent` is when it was asked to look; `called` when the call it is in began."""

    def __init__(self, what: str, path: str, sentinel: str | None) -> None:
        argument = json.dumps({"what": what, "path": path, "sentinel": sentinel})
        self._process = subprocess.Popen(
            python(f"from nlinkshim.engines.watch.looks import serve; serve({argument!r})"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._orders = cast(IO[bytes], self._process.stdin)
        self._results = cast(IO[bytes], self._process.stdout)
        os.set_blocking(self._results.fileno(), False)
        self._held = b""

    def fileno(self) -> int:
        """For select: readable when there is something in told()."""
        return self._results.fileno()

    def look(self) -> None:
        """Order one look."""
        with contextlib.suppress(BrokenPipeError):  # told() says that it died
            self._orders.write(b"\n")

    def told(self) -> list[list[Any]]:
        """What it has told since.

        Raises:
            DiedError: it ended.
        """
        try:
            chunk = os.read(self.fileno(), MOST_HELD)
        except BlockingIOError:
            return []
        *whole, self._held = (self._held + chunk).split(b"\n")
        if not chunk and not whole:
            raise DiedError(f"exit {self._process.wait()}")
        return [json.loads(line) for line in whole]

    def kill(self) -> None:
        """End it. One that hangs in the kernel survives that: see `gone`."""
        self._process.kill()
        for stream in (self._orders, self._results):
            with contextlib.suppress(OSError):
                stream.close()

    @property
    def gone(self) -> bool:
        return self._process.poll() is not None

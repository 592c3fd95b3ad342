"""The command line as a user runs it: in a process of its own."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .preload import bare


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON, with the exact bytes of its strings put back as os.fsdecode gives them."""
        document: dict[str, Any] = json.loads(self.out)
        for pointer, exact in document.get("bytes", {}).items():
            *way, last = [int(key) if key.isdecimal() else key for key in pointer.split("/")[1:]]
            place: Any = document
            for key in way:
                place = place[key]
            place[last] = os.fsdecode(base64.b64decode(exact))
        return document


def nlinkshim(*arguments: object, env: Mapping[str, str] | None = None, timeout: float = 60) -> Outcome:
    """Run `nlinkshim ARGUMENTS`, with `env` added to an environment that is free of preloads."""
    process = subprocess.run(
        [sys.executable, "-m", "nlinkshim", *map(os.fspath, map(str, arguments))],
        env={**bare(), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=timeout,
    )
    return Outcome(process.returncode, os.fsdecode(process.stdout), os.fsdecode(process.stderr))


def on_a_terminal(*arguments: object, columns: int = 80, rows: int = 24, **variables: str) -> str:
    """What `nlinkshim ARGUMENTS` writes to a terminal of this size, escape sequences and all."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "nlinkshim", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=bare(**{"TERM": "xterm", **variables}),
    ):
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # EIO: they have closed it
            while block := os.read(ours, 65536):
                written += block
        os.close(ours)
    return os.fsdecode(written)


def one_clear_line(outcome: Outcome) -> bool:
    """Whether the complaint is what a user may see: one line that names the program, no traceback."""
    lines = outcome.err.splitlines()
    return len(lines) == 1 and lines[0].startswith("nlinkshim: ") and not outcome.out

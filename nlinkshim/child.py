"""Work that may hang, done by a child process that can be given up: looking at a FUSE mount whose daemon is
stuck, or at the memory of a process that does not let go.

A task is a generator function `module:function` of one argument; argument and results are what JSON can hold.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from nlinkshim.errors import IncompleteError
from nlinkshim.nameless import nameless_file

if TYPE_CHECKING:
    import subprocess

STDERR_SHOWN = 4096


class HungError(IncompleteError):
    """No result came within the time given."""


class DiedError(IncompleteError):
    """The child ended before its task did. The text says how, and the last that it wrote to stderr."""


class Child:
    """A task on its way. Iterate over its results; `complaint` is what the loader or the task wrote to
    stderr."""

    def __init__(
        self, task: str, argument: Any, timeout: float, environment: Mapping[str, str] | None = None
    ) -> None:
        """`timeout` is for each result, in seconds. `environment` replaces this process's."""
        self.task, self.argument, self.timeout, self.environment = task, argument, timeout, environment
        self.complaint = ""

    def __iter__(self) -> Iterator[Any]:
        """Raises:
        HungError: a result took longer than `timeout`.
        DiedError: the child ended by itself before the task was through.
        """
        import subprocess

        home = str(Path(__file__).parent.parent)
        code = (
            f"import sys; sys.path.append({home!r}); from nlinkshim.child import serve; serve({self.task!r})"
        )
        # Into a file and not a pipe: one more stream to wait for, and a loader may write at any time.
        with open(nameless_file("nlinkshim-stderr"), "w+b") as errors:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=None if self.environment is None else dict(self.environment),
                start_new_session=True,
            )
            try:
                yield from self._results(process)
            except DiedError as error:
                said = self._complaint_in(errors).splitlines()
                raise DiedError(f"{error}: {said[-1]}" if said else str(error)) from None
            finally:
                _give_up(process)
                self.complaint = self._complaint_in(errors)

    @staticmethod
    def _complaint_in(errors: IO[bytes]) -> str:
        errors.seek(0, os.SEEK_END)
        errors.seek(max(0, errors.tell() - STDERR_SHOWN))
        return errors.read().decode(errors="replace").strip()

    def _results(self, process: subprocess.Popen[bytes]) -> Iterator[Any]:
        told, results = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        try:
            told.write(json.dumps(self.argument).encode())
            told.close()
        except BrokenPipeError:
            raise DiedError(f"the child process ended at once ({_ending(process)})") from None
        for line in _lines(results.fileno(), self.timeout):
            kind, value = json.loads(line)
            if kind == "end":
                return
            yield value
        raise DiedError(f"the child process ended early ({_ending(process)})")


def _lines(descriptor: int, timeout: float) -> Iterator[bytes]:
    import select

    waiting, held = select.poll(), b""
    waiting.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            raise HungError(f"no answer for {timeout:g} s")
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            return
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            yield line
            deadline = time.monotonic() + timeout


def _ending(process: subprocess.Popen[bytes]) -> str:
    import signal

    code = process.wait(1)
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _give_up(process: subprocess.Popen[bytes]) -> None:
    """A process that hangs in the kernel survives even SIGKILL, so nobody waits long for it."""
    import contextlib
    import subprocess

    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def serve(task: str) -> None:
    """The child's side: run the task told on stdin's terms and write a line for each result."""
    import importlib

    module, _, name = task.partition(":")
    function = getattr(importlib.import_module(module), name)
    out = sys.stdout
    try:
        for value in function(json.load(sys.stdin)):
            out.write(json.dumps(["result", value]) + "\n")
            out.flush()
        out.write('["end", null]\n')
        out.flush()
    except BrokenPipeError:
        # The parent has enough, or is gone. Not through the interpreter's end: it would try to flush again.
        os._exit(1)

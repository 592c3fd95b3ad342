"""What a consumer sees of its mount, once a second: run inside a guest, `python3 -I -S witness.py ...`.

Each look is made by a process of its own, so that one that hangs holds up no other, and leaves one line of
JSON on stdout when it ends: the look, when it began and ended (seconds since 1970), and what it saw: "ok",
the name of an error, "empty" (success, and nothing in the folder) or "wrong" (other bytes than were there).
Data is asked of the server each time: what the page cache holds of a file is dropped before it is read.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

CHUNK = 4096
PATIENCE = 0.2  # seconds between two tries to get hold of what is to be held


def entries(folder: str | int) -> str:
    return "ok" if os.listdir(folder) else "empty"  # noqa: PTH208  pathlib takes no descriptor


def read(descriptor: int, number: int, name: str) -> str:
    """Read a piece, another one each time, and compare it with what tests/fuse has in such a file."""
    size = os.fstat(descriptor).st_size
    offset = number * CHUNK % max(size - CHUNK, 1)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    got = os.pread(descriptor, CHUNK, offset)
    line = os.fsencode(name) + b"\n"
    turned = offset % len(line)
    wanted = (line * (CHUNK // len(line) + 2))[turned : turned + CHUNK]
    return "ok" if got == wanted[: size - offset] and got else "wrong"


def open_and_read(path: str, number: int) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read(descriptor, number, Path(path).resolve().name)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def obtain(path: str, flags: int) -> int:
    """A descriptor to hold on to. What fails before there is one is no outage of it."""
    while True:
        try:
            return os.open(path, flags)
        except OSError:
            time.sleep(PATIENCE)


def looks(given: argparse.Namespace) -> dict[str, Callable[[], Callable[[int], str]]]:
    """Name of each look -> what prepares it, and gives what is to be done each time."""

    def held() -> Callable[[int], str]:
        descriptor = obtain(given.held, os.O_RDONLY)
        name = Path(given.held).name
        return lambda number: read(descriptor, number, name)

    def folder() -> Callable[[int], str]:
        descriptor = obtain(given.folder, os.O_RDONLY | os.O_DIRECTORY)
        return lambda number: entries(descriptor)

    def statfs(number: int) -> str:
        os.statvfs(given.mount)
        return "ok"

    def stat(number: int) -> str:
        Path(given.stat).stat()
        return "ok"

    return {
        "statfs": lambda: statfs,
        "list": lambda: lambda number: entries(given.mount),
        "stat": lambda: stat,
        "open": lambda: lambda number: open_and_read(given.link, number),
        "folder": folder,
        "held": held,
    }


def observe(look: str, prepare: Callable[[], Callable[[int], str]], interval: float) -> None:
    perform = prepare()
    due = time.time()
    number = 0
    while True:
        time.sleep(max(due - time.time(), 0))
        begin = time.time()
        try:
            seen = perform(number)
        except OSError as error:
            seen = errno.errorcode.get(error.errno or 0, str(error))
        end = time.time()
        line = json.dumps({"look": look, "begin": round(begin, 3), "end": round(end, 3), "seen": seen})
        os.write(1, f"{line}\n".encode())
        number += 1
        due = max(due + interval, end)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mount", required=True, help="folder for statfs and listings")
    parser.add_argument("--stat", required=True, help="file to stat")
    parser.add_argument("--link", required=True, help="symlink in a library, to a file of the mount")
    parser.add_argument("--folder", required=True, help="folder to keep open")
    parser.add_argument("--held", required=True, help="file to keep open")
    parser.add_argument("--interval", type=float, default=1.0)
    given = parser.parse_args()
    os.setpgid(0, 0)  # so that one signal ends them all
    for look, prepare in looks(given).items():
        if os.fork() == 0:
            observe(look, prepare, given.interval)
    os.wait()


if __name__ == "__main__":
    main()

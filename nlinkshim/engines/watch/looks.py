"""The looks, made in a child process that may get stuck: each call is told when it ends, with what it saw.

For each line on stdin one look; on stdout lines of JSON: ["begin", TIME], then [CALL, TIME, KIND, PLAIN,
LOST] for each call that ended (see Seen), then ["done"]. Times are CLOCK_MONOTONIC,
which all processes share, so a call began when the one before it ended.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

from nlinkshim.mounts.illness import DEAD
from nlinkshim.mounts.look import count_entries
from nlinkshim.mounts.table import open_mount

PIECE = 4096  # bytes

# Kinds that no errno names.
EMPTY, SENTINEL = "empty", "sentinel"


class Seen(NamedTuple):
    """One call that ended. `kind` is None for a good answer. `plain`: what was listed is of this host itself
    (its root, a disk, memory), no mount from elsewhere; None: not known. `lost`: a file held open answers no
    more, and a fresh one does."""

    call: str
    kind: str | None
    plain: bool | None = None
    lost: bool = False


Look = Callable[[], Iterator[Seen]]


def serve(argument: str) -> None:
    """The child's side."""
    given = json.loads(argument)
    look = LOOKS[given["what"]](given["path"], given["sentinel"])
    for _ in sys.stdin:
        _tell("begin", time.monotonic())
        for seen in look():
            _tell(seen.call, time.monotonic(), seen.kind, seen.plain, seen.lost)
        _tell("done")


def _tell(*words: Any) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def _kind(error: OSError) -> str:
    return errno.errorcode.get(error.errno or errno.EIO, str(error.errno))


def of_mount(path: str, sentinel: str | None) -> Look:
    """statfs, the listing, and the sentinel's data; up to the first that fails. statfs counts only where it
    tells of a dead mount: some FUSE servers do without it."""

    types: dict[int, bool | None] = {}  # of the device that was listed last: whether it is plain

    def is_plain(descriptor: int, device: int) -> bool | None:
        if device not in types:
            mount = open_mount(descriptor)
            types.clear()
            types[device] = None if mount is None else mount.is_plain
        return types[device]

    def look() -> Iterator[Seen]:
        try:
            os.statvfs(path)
        except OSError as error:
            if error.errno in DEAD:
                yield Seen("statfs", _kind(error))
                return
        yield Seen("statfs", None)
        seen = _listing(path, is_plain)
        yield seen
        if seen.kind is None and sentinel is not None:
            yield Seen("read", _missing(os.path.join(path, sentinel)))  # noqa: PTH118

    return look


def _listing(path: str, is_plain: Callable[[int, int], bool | None]) -> Seen:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            plain = is_plain(descriptor, found.st_dev)
            if not stat.S_ISDIR(found.st_mode):
                _read(descriptor, 0)
                return Seen("read", None, plain)
            return Seen("list", _entries(descriptor), plain)
        finally:
            os.close(descriptor)
    except OSError as error:
        return Seen("list", _kind(error))


def _entries(descriptor: int) -> str | None:
    return None if count_entries(descriptor) else EMPTY


def _missing(sentinel: str) -> str | None:
    """Its data, where it has any: attributes alone may come from a cache."""
    try:
        descriptor = os.open(sentinel, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                _entries(descriptor)
            else:
                _read(descriptor, 0)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return SENTINEL
    except OSError as error:
        return _kind(error)
    return None


def _read(descriptor: int, number: int) -> None:
    """Read a piece, another one each time, from the server: what the page cache holds of it is dropped."""
    size = os.fstat(descriptor).st_size
    with contextlib.suppress(OSError):  # not every file has such a cache
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.pread(descriptor, PIECE, number * PIECE % max(size - PIECE, 1))


def of_folder(path: str, _: str | None) -> Look:
    """The listing of a folder that is kept open."""
    return _held(path, "list", os.O_DIRECTORY, lambda descriptor, _: _entries(descriptor))


def of_file(path: str, _: str | None) -> Look:
    """A piece of a file that is kept open, as a player reads."""
    return _held(path, "read", 0, _read)


def _held(path: str, call: str, flags: int, use: Callable[[int, int], str | None]) -> Look:
    held: list[int] = []
    numbers = count()

    def fresh(number: int) -> str | None:
        """Take the place of what is held, if it answers."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
        try:
            kind = use(descriptor, number)
        except OSError:
            os.close(descriptor)
            raise
        held.append(descriptor)
        return kind

    def attempt(by: Callable[[], str | None]) -> str | None:
        try:
            return by()
        except OSError as error:
            return _kind(error)

    def look() -> Iterator[Seen]:
        number = next(numbers)
        if not held:
            yield Seen(call, attempt(lambda: fresh(number)))
            return
        kind = attempt(lambda: use(held[0], number))
        lost = kind is not None and attempt(lambda: fresh(number)) is None
        if len(held) > 1:
            with contextlib.suppress(OSError):
                os.close(held.pop(0))
        yield Seen(call, kind, lost=lost)

    return look


LOOKS: dict[str, Callable[[str, str | None], Look]] = {
    "mount": of_mount,
    "folder": of_folder,
    "file": of_file,
}

"""The guard of an empty folder, made by system calls: mount(8) of Debian 12 makes none."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from nlinkshim.guard import NOBODY, mapped_clone

_MOVE_MOUNT, _EMPTY_PATH, _AT_FDCWD = 429, 4, -100
_libc = ctypes.CDLL(None, use_errno=True)


def attach(descriptor: int, point: Path) -> None:
    """Mount what mapped_clone gave."""
    try:
        if _libc.syscall(_MOVE_MOUNT, descriptor, b"", _AT_FDCWD, os.fsencode(point), _EMPTY_PATH) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(point))
    finally:
        os.close(descriptor)


def close_to_all(folder: Path) -> None:
    """What the guard then closes to root too."""
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0)


def guard(folder: Path) -> None:
    close_to_all(folder)
    attach(mapped_clone(str(folder.parent)), folder.parent)

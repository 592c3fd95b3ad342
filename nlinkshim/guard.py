"""The guard against an empty folder where a mount should be: closed even to root while nothing is mounted.

The folder belongs to an id that its parent, bound on itself with an id map, does not know. The kernel grants
root nothing on what belongs to such an id (mount_setattr(2), since Linux 5.12).
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import NoReturn

NOBODY = 4_000_000  # whose the folder is: no system gives this id to anyone
_LARGEST = 4_294_967_294
UTIL_LINUX = (2, 39)  # of mount(8), since which it can make one

_ROWS = ((0, 0, NOBODY), (NOBODY + 1, NOBODY + 1, _LARGEST - NOBODY))
MAP = "\n".join(" ".join(map(str, row)) for row in _ROWS)  # for /proc/PID/uid_map
_OPTION = " ".join(f"{kind}:{':'.join(map(str, row))}" for kind in "ug" for row in _ROWS)
MOUNT_OPTION = f"X-mount.idmap={_OPTION}"  # for mount(8)

# Numbers that all architectures share (but alpha, and MIPS adds a base).
_OPEN_TREE, _MOUNT_SETATTR = 428, 442
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE = 1
_MOUNT_ATTR_IDMAP = 0x00100000
_CLONE_NEWUSER = 0x10000000


def mapped_clone(folder: str) -> int:
    """A descriptor of a detached mount of `folder` with the guard's id map: bound on `folder` by
    move_mount(2) it would be the guard; closed, it leaves nothing behind.

    Raises:
        OSError: ENOSYS of Linux before 5.12, EINVAL of a file system that cannot be mapped, EPERM without
        CAP_SYS_ADMIN.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    clone = libc.syscall(
        _OPEN_TREE, _AT_FDCWD, os.fsencode(folder), ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC)
    )
    if clone < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
    try:
        users = _user_namespace(libc)
        try:
            # struct mount_attr: set, clear, propagation, user namespace
            attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_IDMAP, 0, 0, users)
            size = ctypes.c_size_t(ctypes.sizeof(attributes))
            if libc.syscall(_MOUNT_SETATTR, clone, b"", _AT_EMPTY_PATH, attributes, size) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
        finally:
            os.close(users)
    except OSError:
        os.close(clone)
        raise
    return int(clone)


def _user_namespace(libc: ctypes.CDLL) -> int:
    """A descriptor of a user namespace with the guard's map; no process is left in it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _wait_in_namespace(libc, writing)
    os.close(writing)
    try:
        if not os.read(reading, 1):
            raise OSError(1, os.strerror(1), "user namespace")
        for name in ("uid_map", "gid_map"):
            descriptor = os.open(f"/proc/{child}/{name}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, MAP.encode())
            finally:
                os.close(descriptor)
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _wait_in_namespace(libc: ctypes.CDLL, writing: int) -> NoReturn:
    if libc.unshare(_CLONE_NEWUSER) == 0:
        os.write(writing, b".")
        signal.pause()
    os._exit(1)

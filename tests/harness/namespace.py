"""A private mount namespace: what is mounted in it is seen by nobody else and gone with it."""

from __future__ import annotations

import ctypes
import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from . import mounts

CLONE_NEWNS = 1 << 17
MS_PRIVATE = 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def privately(task: Callable[[], None]) -> None:
    """Run `task` in a child process with a mount namespace of its own; its failure is raised here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            if _libc.unshare(CLONE_NEWNS) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            mounts.mount("none", Path("/"), None, MS_PRIVATE | mounts.MS_REC)
            # The mounts of tests beside this one: they go here too when their folders are removed there.
            for passing in (Path(tempfile.gettempdir()), Path("/var/lib/containers")):
                mounts.detach_below(passing)
            task()
        except BaseException:
            os.write(writing, traceback.format_exc()[-60_000:].encode(errors="backslashreplace"))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as report:
        failure = report.read().decode()
    os.waitpid(child, 0)
    if failure:
        raise AssertionError(failure)


def mount_dead(point: Path, **how: str) -> None:
    """A FUSE mount whose daemon is gone."""
    os.close(mount_hung(point, **how))


def mount_hung(
    point: Path, fstype: str = "fuse.test", source: str = "test", options: str = "allow_other"
) -> int:
    """A FUSE mount whose daemon, the holder of the descriptor that is returned, never answers."""
    descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    data = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0,{options}"
    mounts.mount(source, point, fstype, 0, data)
    return descriptor

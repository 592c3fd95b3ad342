"""What lies beneath a mount: what who looks at its path finds once it is gone.

A child process takes the mount away in a mount namespace of its own, from which nothing propagates, and looks
there. The mount itself stays as it is, and its file system is not asked.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlinkshim.child import Child, DiedError, HungError
from nlinkshim.guard import mapped_clone
from nlinkshim.mounts.table import Mount, read_mounts, visible_mount

COUNTED = 1000  # entries that are enough to tell that a folder is not empty
SOMEBODY = 65534  # a user whom no folder is for
MOST_STACKED = 16  # mounts of one file system at one place
_NEWNS = 0x00020000
_REC, _PRIVATE = 1 << 14, 1 << 18
_DETACH, _NOFOLLOW = 2, 8
_CAP_DAC_OVERRIDE = 1
_UNMAPPED = b"0 0 4294967295"  # the map of the first user namespace

# Why it is not known, by the step that failed.
_UNKNOWN = {
    "namespace": "only root may look there, in a container with the capability SYS_ADMIN",
    "unmount": "this mount belongs to the host, and only there may it be looked beneath",
    "changed": "the mount is another now",
}


@dataclass(frozen=True)
class Listing:
    """errno (0: it succeeded), and how many entries were seen, COUNTED at most."""

    error: int
    entries: int | None


@dataclass(frozen=True)
class Beneath:
    """`unknown` is why nothing else is known; `hung`, that the look did not end in time. `fstype` is that of
    the file system that lies there, `covered` whether it is another mount's root; `root` is what root sees
    (None: this process has not root's full rights), `user` what user `uid` does. `guardable`: errno of
    mapping the folder above (0: it can be; None: not tried)."""

    unknown: str | None = None
    hung: bool = False
    fstype: str = ""
    covered: bool = False
    root: Listing | None = None
    user: Listing | None = None
    uid: int = SOMEBODY
    guardable: int | None = None

    @property
    def entries(self) -> int:
        """That somebody saw."""
        return max((seen.entries or 0 for seen in (self.root, self.user) if seen is not None), default=0)


def look_beneath(point: str, mount: Mount | None, user: int | None, timeout: float) -> Beneath:
    """Look beneath `mount`, which is mounted at `point`; None: nothing is, and `point` itself is meant."""
    uid = user or os.geteuid() or SOMEBODY
    argument = {"point": point, "device": None if mount is None else mount.device, "user": uid}
    seen: dict[str, Any] = {}
    try:
        for name, value in Child("nlinkshim.engines.doctor.beneath:look_in_private", argument, timeout):
            seen[name] = value
    except HungError:
        return Beneath(hung=True, fstype=seen.get("fstype", ""))
    except DiedError as error:
        return Beneath(unknown=str(error))
    return judged(seen, uid)


def judged(seen: dict[str, Any], uid: int) -> Beneath:
    """What the child told, by name."""
    if "failed" in seen:
        step, number = seen["failed"]
        return Beneath(unknown=_UNKNOWN.get(step, f"{step}: {os.strerror(number)}"))
    return Beneath(
        fstype=seen["fstype"],
        covered=seen["covered"],
        root=None if seen["root"] is None else Listing(*seen["root"]),
        user=None if seen["user"] is None else Listing(*seen["user"]),
        uid=uid,
        guardable=seen["guardable"],
    )


def look_in_private(argument: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The task of the child."""
    point, device = argument["point"], argument["device"]
    step = "namespace"
    try:
        if device is not None:
            back = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            root_folder = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            _enter_private_namespace()
            step = "unmount"
            if not _take_away(point, tuple(device)):
                yield "failed", ("changed", 0)
                return
        step = "open"
        folder = os.open(point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        here = visible_mount(point)
        yield "fstype", here.fstype if here else ""
        yield "covered", here is not None and here.path == point
        if device is not None:
            _leave(back, root_folder)
    except OSError as error:
        yield "failed", (step, error.errno)
        return
    root = _list(folder) if _is_full_root() else None
    yield "root", root
    yield "guardable", _guardable(str(Path(point).parent)) if root is not None and root[0] == 0 else None
    yield "user", _as_user(argument["user"], lambda: _list(folder))


def _call(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter_private_namespace() -> None:
    """Raises OSError: this process may not; or something could propagate from it."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = Path("/proc/self/ns/mnt").readlink()
    _call(libc.unshare(_NEWNS))
    _call(libc.mount(b"none", b"/", None, ctypes.c_ulong(_REC | _PRIVATE), None))
    tags = [tag for mount in read_mounts() for tag in mount.optional]
    if Path("/proc/self/ns/mnt").readlink() == before or any(tag.startswith("shared:") for tag in tags):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _take_away(point: str, device: tuple[int, int]) -> bool:
    """Unmount the file system at `point`, as often as propagation put it there."""
    libc = ctypes.CDLL(None, use_errno=True)
    for done in range(MOST_STACKED):
        mount = visible_mount(point)
        if mount is None or mount.path != point or mount.device != device:
            return done > 0
        _call(libc.umount2(os.fsencode(point), _DETACH | _NOFOLLOW))
    return False


def _leave(namespace: int, root_folder: int) -> None:
    """Back to where the other mounts are: the private namespace, which holds a copy of each, goes. What was
    opened in it stays. setns(2) leads out of a chroot, so the root folder is set anew."""
    with suppress(OSError):
        _call(ctypes.CDLL(None, use_errno=True).setns(namespace, _NEWNS))
        os.fchdir(root_folder)
        os.chroot(".")


def _list(folder: int) -> tuple[int, int | None]:
    try:
        listing = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            with os.scandir(listing) as entries:
                return 0, sum(1 for _ in zip(range(COUNTED), entries, strict=False))
        finally:
            os.close(listing)
    except OSError as error:
        return error.errno or errno.EIO, None


def _is_full_root() -> bool:
    """Whether what this process sees is what the host's root does."""
    status = Path("/proc/self/status").read_text()
    capabilities = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    mapped = b" ".join(Path("/proc/self/uid_map").read_bytes().split())
    return os.geteuid() == 0 and bool(int(capabilities, 16) >> _CAP_DAC_OVERRIDE & 1) and mapped == _UNMAPPED


def _guardable(parent: str) -> int:
    try:
        os.close(mapped_clone(parent))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _as_user(user: int, look: Callable[[], tuple[int, int | None]]) -> tuple[int, int | None] | None:
    """What that user sees; of another than this one only root can tell."""
    if os.geteuid() != user:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        except OSError:
            return None
    return look()

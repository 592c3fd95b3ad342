"""Mounts as the kernel lists them (proc_pid_mountinfo(5)), and which of them a path leads to."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

# What a host has of its own, and the shim never counts. A folder of one of them, where a FUSE mount was
# expected, means that nothing is mounted there.
LOCAL_TYPES = frozenset(
    ("btrfs", "devtmpfs", "ext2", "ext3", "ext4", "f2fs", "proc", "ramfs", "sysfs", "tmpfs", "xfs", "zfs")
)


class Mount(NamedTuple):
    """One line of mountinfo."""

    id: int
    parent: int
    device: tuple[int, int]  # major, minor
    root: str
    path: str
    options: tuple[str, ...]
    optional: tuple[str, ...]  # shared:N, master:N, ...
    fstype: str
    source: str
    super_options: tuple[str, ...]

    @property
    def is_fuse(self) -> bool:
        return self.fstype.partition(".")[0] in ("fuse", "fuseblk")

    @property
    def is_plain(self) -> bool:
        """Whether it is of this host itself (its root, a disk, memory): a folder of it, where a FUSE mount
        was expected, is a folder and no mount."""
        return not self.is_fuse and (self.fstype in LOCAL_TYPES or self.path == "/")

    @property
    def is_removed(self) -> bool:
        """Whether the folder that it shows was removed since: what is made or mounted at that folder's path
        now is another's. No name has two slashes."""
        return self.root.endswith("//deleted")

    @property
    def allow_other(self) -> bool:
        """Whether a FUSE mount is open to others than its owner; without this, root is kept out too."""
        return "allow_other" in self.super_options

    @property
    def owner(self) -> int | None:
        """The uid that mounted a FUSE file system; None for another."""
        texts = (o.partition("=")[2] for o in self.super_options if o.startswith("user_id="))
        return next((int(text) for text in texts if text.isdecimal()), None)


def _decode(field: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-3][0-7]{2})", lambda octal: bytes([int(octal[1], 8)]), field))


def _parse_line(line: bytes) -> Mount:
    """Raises ValueError for what is no line of mountinfo."""
    fields = line.split(b" ")
    dash = fields.index(b"-", 6)
    fstype, source, super_options = fields[dash + 1 : dash + 4]
    major, minor = fields[2].split(b":")
    return Mount(
        id=int(fields[0]),
        parent=int(fields[1]),
        device=(int(major), int(minor)),
        root=_decode(fields[3]),
        path=_decode(fields[4]),
        options=tuple(os.fsdecode(fields[5]).split(",")),
        optional=tuple(map(os.fsdecode, fields[6:dash])),
        fstype=_decode(fstype),
        source=_decode(source),
        super_options=tuple(os.fsdecode(super_options).split(",")),
    )


def parse_mountinfo(data: bytes) -> list[Mount]:
    """The mounts, in the kernel's order; paths as os.fsdecode gives them. What is no line of mountinfo is
    left out. Bytes, and not text: of the control characters the kernel escapes only tab and newline, and
    str.splitlines would take others (0x0b, 0x1e, 0x85 ...) for ends of lines."""
    mounts = []
    for line in data.split(b"\n"):
        with contextlib.suppress(ValueError):
            mounts.append(_parse_line(line))
    return mounts


def read_mounts(process: str | int = "self") -> list[Mount]:
    """The mounts that `process` sees. None of their file systems is asked, so this never hangs.

    Raises:
        OSError: there is no /proc, or no such process, or this user may not look at it.
    """
    return parse_mountinfo(Path(f"/proc/{process}/mountinfo").read_bytes())


def mount_with_id(mounts: Iterable[Mount], mount_id: int) -> Mount | None:
    return next((mount for mount in mounts if mount.id == mount_id), None)


def visible_mount(path: str | os.PathLike[str]) -> Mount | None:
    """The mount that a lookup of `path` ends on, by the kernel's word; symbolic links are followed. None if
    the path cannot be opened or there is no /proc.

    The root of a FUSE mount is reached without asking its daemon, what is below it is not: where that may
    hang, call this in a child process.
    """
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:  # while the descriptor is open, nothing else gets its mount's id
        return mount_with_id(read_mounts(), _mount_id(descriptor))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def _mount_id(descriptor: int) -> int:
    """By fdinfo (proc_pid_fdinfo(5), since Linux 3.15): statx tells mount ids only since 5.8."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes().split(b"\n")
    return next((int(line[7:]) for line in lines if line.startswith(b"mnt_id:")), -1)


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that an absolute, normalised path without symbolic links leads to, by the list alone: no file
    system is asked. For what cannot be opened; else visible_mount.

    Goes down from mount to mount as a lookup does: on each, the first mount point on the way is entered. So a
    mount that lies below another one, or in a folder that another one covers, is never the answer, whatever
    the order of the list.
    """
    ids = {mount.id for mount in mounts}
    tops = [mount for mount in mounts if mount.parent not in ids or mount.parent == mount.id]
    # A lookup starts at the root and not on top of what is mounted over it.
    reached = _first_on_the_way(path, tops)
    for _ in mounts:
        here = reached.id if reached else None
        entered = _first_on_the_way(path, (m for m in mounts if m.parent == here != m.id and m.path != "/"))
        if entered is None:
            break
        reached = entered
    return reached


def _first_on_the_way(path: str, mounts: Iterable[Mount]) -> Mount | None:
    on_the_way = [m for m in mounts if m.path in ("/", path) or path.startswith(m.path + "/")]
    # Old kernels could have two mounts at one place of one mount: the later one counts.
    return min(reversed(on_the_way), key=lambda m: len(m.path), default=None)

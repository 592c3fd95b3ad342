"""Mounts as the kernel lists them (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_FUSECTL = "/sys/fs/fuse/connections"


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
        return self.fstype in ("fuse", "fuseblk") or self.fstype.startswith("fuse.")

    @property
    def allow_other(self) -> bool:
        """Whether a FUSE mount is open to others than its owner; without this, root is kept out too."""
        return "allow_other" in self.super_options

    @property
    def owner(self) -> int | None:
        """The uid that mounted a FUSE file system; None for another."""
        found = (int(o.partition("=")[2]) for o in self.super_options if o.startswith("user_id="))
        return next(found, None)

    def abort_command(self) -> str:
        """The shell command that frees what waits for a stuck FUSE daemon; kill and lazy unmount do not."""
        number = self.device[0] << 20 | self.device[1]  # the kernel's name for the connection
        listed = "" if os.path.ismount(_FUSECTL) else f"mount -t fusectl none {_FUSECTL}; "
        return f"{listed}echo 1 > {_FUSECTL}/{number}/abort"


def _unescape(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts, in the kernel's order; later ones lie over earlier ones. `text` is decoded as Latin-1, so
    that every byte of a path has its own character; paths come back as os.fsdecode would have them."""
    mounts = []
    for line in text.splitlines():
        mine, _, superblock = line.partition(" - ")
        fields, rest = mine.split(" "), superblock.split(" ")
        if len(fields) < 6 or len(rest) < 3:
            continue
        major, minor = fields[2].split(":")
        root, path, source = (
            _unescape(field).encode("latin-1").decode("utf-8", "surrogateescape")
            for field in (fields[3], fields[4], rest[1])
        )
        mounts.append(
            Mount(
                id=int(fields[0]),
                parent=int(fields[1]),
                device=(int(major), int(minor)),
                root=root,
                path=path,
                options=tuple(fields[5].split(",")),
                optional=tuple(fields[6:]),
                fstype=rest[0],
                source=source,
                super_options=tuple(rest[2].split(",")),
            )
        )
    return mounts


def read_mounts(process: str = "self") -> list[Mount]:
    """The mounts that `process` sees. None of their file systems is asked, so this never hangs."""
    return parse_mountinfo(Path(f"/proc/{process}/mountinfo").read_text(encoding="latin-1"))


def mount_of(path: str, mounts: list[Mount]) -> Mount | None:
    """The mount an absolute, normalised path lies on, by its text alone: no file system is asked."""
    found = None
    for mount in mounts:
        prefix = mount.path.rstrip("/")
        inside = path == mount.path or path.startswith(prefix + "/")
        if inside and (found is None or len(mount.path) >= len(found.path)):
            found = mount
    return found

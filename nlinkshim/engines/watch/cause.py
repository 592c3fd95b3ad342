"""What an outage means and what to do, by the one account of what ails a mount."""

from __future__ import annotations

import errno
import os

from nlinkshim.engines.watch.looks import EMPTY, SENTINEL
from nlinkshim.engines.watch.result import ABSENT, HANG
from nlinkshim.mounts import illness
from nlinkshim.mounts.illness import Illness
from nlinkshim.mounts.table import Mount, mount_of, read_mounts


def mount_by_name(path: str) -> tuple[Mount | None, list[Mount]]:
    """The mount that a path is on, and the list that it is of: by the list alone, no file system is asked.
    None and an empty list where that cannot be told."""
    try:
        mounts = read_mounts()
        return mount_of(os.path.abspath(path), mounts), mounts
    except OSError:  # no /proc, or a relative path and a working directory that was removed since
        return None, []


def cause_of(kind: str, call: str, path: str, seconds: float) -> Illness | None:
    """Of an outage that begins; `seconds` is how long a call that hangs has taken so far. None: nothing is
    known of the kind, or of the mounts."""
    mount, mounts = mount_by_name(path)
    if not mounts:
        return None
    if kind == HANG:
        return illness.of_silence(seconds, f"in {call} of {path}", mount, mounts)
    if kind in (ABSENT, EMPTY, SENTINEL):
        return None if mount is None or not mount.is_plain else illness.of_folder(path, mount)
    error = getattr(errno, kind, None)
    return None if error is None else illness.of_error(error, mount, mounts, os.geteuid())

"""What an outage means and what to do, by the one account of what ails a mount."""

from __future__ import annotations

import errno
import os

from nlinkshim.engines.watch.looks import EMPTY, SENTINEL
from nlinkshim.engines.watch.result import ABSENT, HANG
from nlinkshim.mounts import illness
from nlinkshim.mounts.illness import Illness
from nlinkshim.mounts.table import mount_of, read_mounts


def cause_of(kind: str, call: str, path: str, seconds: float) -> Illness | None:
    """Of an outage that begins; `seconds` is how long a call that hangs has taken so far. Asks the list of
    mounts alone. None: nothing is known of the kind."""
    try:
        mounts = read_mounts()
    except OSError:
        return None
    mount = mount_of(os.path.abspath(path), mounts)
    if kind == HANG:
        return illness.of_silence(seconds, f"in {call} of {path}", mount, mounts)
    if kind in (ABSENT, EMPTY, SENTINEL):
        return None if mount is None or not mount.is_plain else illness.of_folder(path, mount)
    error = getattr(errno, kind, None)
    return None if error is None else illness.of_error(error, mount, mounts, os.geteuid())

"""What ails a mount: from what was seen of it (an error, no answer in time, its line in mountinfo) to a kind,
a cause in words and a remedy.

Every command says it from here. The remedies name the very mount that was judged, or no mount at all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from nlinkshim.mounts.remedy import START, Remedy, free, open_to_others, remount
from nlinkshim.mounts.table import Mount

DEAD = (errno.ENOTCONN, errno.ECONNABORTED, errno.ESTALE)  # nothing but a new mount helps
REFUSED = (errno.EACCES, errno.EPERM)
# Of a path that is none to begin with.
NO_FOLDER = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "is not a folder; give a mount or a folder of it",
}


class Kind(str, Enum):
    """One word for each illness."""

    ABSENT = "absent"  # nothing is mounted there
    DEAD = "dead"  # the daemon is gone
    STALE = "stale"  # the server knows it no more
    HUNG = "hung"  # no answer in time
    CLOSED = "closed"  # the kernel keeps others than its owner out: no allow_other
    REFUSED = "refused"  # its server or its permissions keep this user out
    FAILING = "failing"  # it answers with another error


class Illness(NamedTuple):
    """`cause` is a sentence without a full stop, whose subject is the mount."""

    kind: Kind
    cause: str
    remedy: Remedy


def of_error(error: int, mount: Mount | None, mounts: Sequence[Mount], user: int) -> Illness:
    """Of a mount that answers with this errno to the uid `user`. `mount` is of the list `mounts`; None: not
    known."""
    said = os.strerror(error)
    if error in DEAD:
        remedy = Remedy(START) if mount is None else remount(mount, mounts)
        if error == errno.ESTALE:
            return Illness(Kind.STALE, f"the mount is stale ({said})", remedy)
        return Illness(Kind.DEAD, f"the FUSE daemon is gone ({said})", remedy)
    if error == errno.EACCES and mount is not None and is_closed(mount, user):
        return closed(mount, user)
    if error in REFUSED:
        return Illness(Kind.REFUSED, f"uid {user} may not read it ({said})", let_in(mount, user))
    return Illness(Kind.FAILING, f"the file system answers {said}", Remedy(see_log(mount)))


def of_silence(seconds: float, where: str, mount: Mount | None, mounts: Sequence[Mount]) -> Illness:
    """Of a call that took longer; `where` tells which, as "at /mnt/dfs"."""
    who = "the FUSE daemon" if mount is not None and mount.is_fuse else "the file system"
    remedy = Remedy(see_log(mount)) if mount is None else free(mount, mounts)
    return Illness(Kind.HUNG, f"no answer for {seconds:g} s {where}: {who} hangs", remedy)


def of_removed(mount: Mount) -> Illness:
    """Of a mount that is_removed."""
    return Illness(
        Kind.ABSENT,
        f"the folder that is bound at {mount.path} was removed: what is mounted at its path now never shows"
        " here",
        Remedy("bind it anew: in a container, restart that"),
    )


def of_folder(path: str, mount: Mount) -> Illness:
    """Of a folder of this host's own, where a FUSE mount was expected. `mount` is the one that it is on."""
    return Illness(
        Kind.ABSENT,
        f"nothing is mounted at {path}: it is a folder of {mount.fstype} at {mount.path}",
        Remedy(f"{START}, or give the path of its mount"),
    )


def is_closed(mount: Mount, user: int) -> bool:
    """Whether the kernel keeps this uid, root too, out of a FUSE mount."""
    return mount.is_fuse and not mount.allow_other and user != mount.owner


def closed(mount: Mount, user: int) -> Illness:
    return Illness(
        Kind.CLOSED,
        f"the mount lacks allow_other: only uid {mount.owner or 0} may enter, and uid {user} was refused",
        open_to_others(mount),
    )


def let_in(mount: Mount | None, user: int) -> Remedy:
    """For a user who is refused, by what the kernel does not tell."""
    if user != 0:
        return Remedy("run as root, or as the user smbd serves as")
    if mount is not None and mount.is_fuse:
        return Remedy("even root is refused: see the log and the options of the FUSE server")
    return Remedy("even root is refused: see who denies it (a container's limits, or a server's)")


def see_log(mount: Mount | None) -> str:
    """Where more is told of an error."""
    return "see the log of the FUSE server" if mount is not None and mount.is_fuse else "see the kernel's log"

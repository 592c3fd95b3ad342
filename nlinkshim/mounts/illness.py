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

_SEE_FUSE = "see the log of the FUSE server"
_SEE_KERNEL = "see the kernel's log"
_BEHIND = (
    "see what the FUSE server stands on (its network, its provider, its disk) and its log, then verify again"
)
_LINK = "mend the symbolic link: it leads back to itself"
_MUST_ANSWER = "mend the FUSE server: it does without a call that every file system must answer"
_NO_ROOM = "mend the FUSE server: it meets a value that it has no room for, such as a size, a time or a name"
_FILES = "raise the limit of open files (sysctl fs.file-max), or give fewer --jobs"

# errnos, and what to do: of a FUSE mount, of another one. What is in no row: see the logs.
_ROWS: tuple[tuple[tuple[int, ...], str, str], ...] = (
    (
        (errno.EIO,),
        "see the log of the FUSE server; if it has nothing, its answer was one that the kernel refuses (an"
        " inode that changes its type, an attribute or a name that is none), so mend its getattr and lookup",
        "see the kernel's log, and check the disk or the server behind it",
    ),
    ((errno.ENOSYS, errno.EOPNOTSUPP), _MUST_ANSWER, _SEE_KERNEL),
    ((errno.ERANGE, errno.EOVERFLOW), _NO_ROOM, _SEE_KERNEL),
    (
        (errno.EINVAL,),
        "mend the FUSE server: it takes a call that every file system gets for a wrong one",
        _SEE_KERNEL,
    ),
    (
        (errno.ENAMETOOLONG,),
        "shorten the names where the files come from: 255 bytes are the most for a name in Linux, and many"
        " FUSE servers take fewer",
        "shorten the names: 255 bytes are the most for a name in Linux",
    ),
    ((errno.ELOOP,), _LINK, _LINK),
    (
        (errno.ENOMEM,),
        "give the FUSE server, and this process, more memory, then verify again",
        "give this process more memory",
    ),
    (
        (errno.EMFILE,),
        "raise the limit of open files (ulimit -n) here and for the FUSE server, or give fewer --jobs",
        "raise the limit of open files (ulimit -n), or give fewer --jobs",
    ),
    ((errno.ENFILE,), _FILES, _FILES),
    (
        (
            errno.ETIMEDOUT,
            errno.EHOSTDOWN,
            errno.EHOSTUNREACH,
            errno.ENETDOWN,
            errno.ENETUNREACH,
            errno.ECONNREFUSED,
            errno.ECONNRESET,
            errno.EREMOTEIO,
            errno.ENODEV,
            errno.ENXIO,
        ),
        _BEHIND,
        "see the server or the device behind it, and the kernel's log",
    ),
    (
        (errno.EAGAIN, errno.EBUSY, errno.EINTR),
        "the FUSE server could not just then: verify again, with fewer --jobs if it comes back",
        _SEE_KERNEL,
    ),
)
_ADVICE = {error: texts for errors, *texts in _ROWS for error in errors}


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
    remedy = Remedy(advice(error, mount, user))
    if error in REFUSED:
        return Illness(Kind.REFUSED, f"uid {user} may not read it ({said})", remedy)
    return Illness(Kind.FAILING, f"the file system answers {said}", remedy)


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


def advice(error: int, mount: Mount | None, user: int) -> str:
    """What to do, in words. `user` is the uid that was answered so. For DEAD see remedy."""
    is_fuse = mount is not None and mount.is_fuse
    if error in REFUSED:
        return _refused(is_fuse, user)
    return _ADVICE.get(error, (f"{_SEE_FUSE}, then verify again", _SEE_KERNEL))[0 if is_fuse else 1]


def _refused(is_fuse: bool, user: int) -> str:
    """The kernel lets nobody into a FUSE mount of another user namespace but its own processes, allow_other
    or not (fuse_allow_current_process); a server may refuse by itself."""
    if user != 0:
        return "run as root, or as the user smbd serves as"
    if is_fuse:
        return (
            "if it was mounted in another user namespace (of a rootless container), verify inside that"
            " container, and run smbd there, or let root mount it; else the FUSE server itself refuses: see"
            " its log and its options (umask, uid, gid)"
        )
    return "even root is refused: see who denies it (a container's limits, or a server's)"


def see_log(mount: Mount | None) -> str:
    """Where more is told of an error."""
    return _SEE_FUSE if mount is not None and mount.is_fuse else _SEE_KERNEL

"""What to do about a file system that answers with an errno: one table for every command."""

from __future__ import annotations

import errno

from nlinkshim.mounts import Mount

REFUSED = (errno.EACCES, errno.EPERM)

_SEE_FUSE = "see the log of the FUSE server, then verify again"
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


def advice(error: int, mount: Mount | None, user: int) -> str:
    """What to do, in words. `user` is the uid that was answered so. For dead and stale mounts see remedy."""
    is_fuse = mount is not None and mount.is_fuse
    if error in REFUSED:
        return _refused(is_fuse, user)
    return _ADVICE.get(error, (_SEE_FUSE, _SEE_KERNEL))[0 if is_fuse else 1]


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

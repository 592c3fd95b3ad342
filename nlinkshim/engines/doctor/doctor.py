"""doctor itself: the checks of the table, one after the other."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Iterator

from nlinkshim import arguments
from nlinkshim.engines.doctor import container
from nlinkshim.engines.doctor.checks import CHECKS
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Finding
from nlinkshim.errors import UsageError
from nlinkshim.mounts.illness import NO_FOLDER, of_removed
from nlinkshim.mounts.table import Mount, mount_of

TIMEOUT_SECONDS = 10.0


def doctor(
    path: str | os.PathLike[str] | None = None,
    *,
    timeout: float = TIMEOUT_SECONDS,
    user: str | None = None,
    consumer: str | None = None,
) -> list[Finding]:
    """Check this host or container, and the mount at `path` if one is given.

    `timeout` is for each call on the mount, in seconds; after one that hangs no other is made. `user` is a
    name or uid as whom access is tried (default: the user of this process). `consumer` is a process id, or
    the name or id of a container: does what is mounted at the path reach it? A remedy may have the line for
    `sh` that begins it.

    Raises:
        UsageError: the path does not exist or is no folder, the user is unknown, this user may not become it,
            there is no such consumer, or no path beside it, or an argument is of another type or out of
            range.
        IncompleteError: this user may not see the consumer's mounts.

    Example:
        >>> findings = nlinkshim.doctor("/mnt/dfs", timeout=5.0)
        >>> [finding.level.value for finding in findings if finding.id == "mount-alive"]
        ['PASS']
        >>> for finding in findings:
        ...     if finding.level is nlinkshim.Level.FAIL:
        ...         print(finding.subject, finding.message, finding.remedy, finding.command)  # doctest: +SKIP
    """
    return list(findings(path, timeout=timeout, user=user, consumer=consumer))


def findings(
    path: str | os.PathLike[str] | None = None,
    *,
    timeout: float = TIMEOUT_SECONDS,
    user: str | None = None,
    consumer: str | None = None,
) -> Iterator[Finding]:
    """As doctor(), each as soon as it is known."""
    arguments.seconds("--timeout", timeout)
    absolute = None if path is None else arguments.absolute("path", path)
    if consumer is not None and absolute is None:
        raise UsageError("--consumer: expected PATH too, the mount that is to reach it")
    context = Context(
        absolute,
        timeout,
        None if user is None else _uid(user),
        None if consumer is None else container.consumer(consumer),
    )
    if absolute is not None:
        for step in context.look.steps.values():
            if step.error in NO_FOLDER:
                raise UsageError(f"{path}: {NO_FOLDER[step.error]}{_why(absolute, context.mounts)}")
        # A FUSE server may serve one file, mounted on a file.
        if context.look.is_file and (context.mount is None or context.mount.path != context.real_path):
            raise UsageError(f"{path}: {NO_FOLDER[errno.ENOTDIR]}")
    for check in CHECKS:
        for answer in check.run(context):
            yield Finding(check.id, **vars(answer))


def _why(path: str, mounts: list[Mount]) -> str:
    mount = mount_of(path, mounts)
    if mount is None or not mount.is_removed:
        return ""
    illness = of_removed(mount)
    return f"; {illness.cause}; {illness.remedy.text}"


def _uid(user: str) -> int:
    arguments.text("--user", user)
    try:
        uid = int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError):  # ValueError: a zero byte, or too many digits
        raise UsageError(f"--user {arguments.shown(user)}: there is no such user") from None
    if uid != os.geteuid() and os.geteuid() != 0:
        raise UsageError(f"--user {user}: only root can look as another user")
    return uid

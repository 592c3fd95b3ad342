"""What the counts of a walk mean. Pure.

Named tuples here and in what `verify` imports: dataclasses would double the time that Python takes to start.
"""

from __future__ import annotations

import errno
import os
from enum import Enum
from typing import NamedTuple

from nlinkshim.errors import ExitCode


class Verdict(str, Enum):
    """What verify says of a mount."""

    NEEDED = "needed"
    NOT_NEEDED = "not-needed"
    INEFFECTIVE = "ineffective"
    CORRUPTING = "corrupting"
    OTHER_CAUSE = "other-cause"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> ExitCode:
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Verdict.NEEDED: ExitCode.WELL,
    Verdict.NOT_NEEDED: ExitCode.WELL,
    Verdict.INEFFECTIVE: ExitCode.WRONG,
    Verdict.CORRUPTING: ExitCode.WRONG,
    Verdict.OTHER_CAUSE: ExitCode.INCOMPLETE,
    Verdict.INCOMPLETE: ExitCode.INCOMPLETE,
}


class Sample(NamedTuple):
    """One entry that lies, or that came out wrong. `raw` and `patched` are link counts."""

    path: str
    entry_point: str
    raw: int
    patched: int
    problem: str | None  # None: a lie that was corrected


class Walk(NamedTuple):
    """What a walk counted, and how it ended."""

    entries: int = 0
    lies: int = 0
    corrected: int = 0
    wrong: int = 0  # entries with any wrong answer
    corrupted: int = 0  # of these, other than a 0 left as it was
    errors: int = 0
    first_error: int = 0  # errno
    first_error_path: str = ""
    root_error: int = 0  # errno
    root_mount_id: int = 0  # 0: not known
    dead_error: int = 0  # errno
    limited: int = 0  # 1: it ended at max_entries, and there was more
    hung_at: str | None = None
    interrupted: bool = False
    crashed: str | None = None  # the signal that ended the worker
    shim_scope: str = "fuse"
    samples: tuple[Sample, ...] = ()


class MountFacts(NamedTuple):
    """What the kernel's list of mounts says of the path. None: the path stands in no mount."""

    fstype: str = "unknown"
    mount_point: str = ""
    is_fuse: bool = False
    allow_other: bool = True
    owner: int | None = None  # uid that mounted a FUSE file system
    abort_command: str = "abort its connection"  # frees what waits for a hung FUSE daemon


class MountResult(NamedTuple):
    """The result for one PATH. `seconds` is wall time; `cause` and `remedy` are sentences, or None."""

    path: str
    verdict: Verdict
    fstype: str
    entries: int
    lies: int
    corrected: int
    wrong: int
    errors: int
    seconds: float
    cause: str | None
    remedy: str | None
    samples: tuple[Sample, ...] = ()


def _plural(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"


def _remount(facts: MountFacts, path: str) -> str:
    return f"fusermount3 -u -z {facts.mount_point or path} (or umount -l), then start the FUSE server again"


def _unreachable(error: int, path: str, facts: MountFacts, user: int) -> tuple[str, str | None]:
    """Cause and remedy of an error that bars the whole mount."""
    if error in (errno.ENOTCONN, errno.ECONNABORTED):
        return f"the FUSE daemon is gone ({os.strerror(error)})", _remount(facts, path)
    if error == errno.EACCES and facts.is_fuse and not facts.allow_other and user != facts.owner:
        return (
            f"the mount lacks allow_other: only uid {facts.owner} may enter it, and this is uid {user}",
            "mount with -o allow_other (and user_allow_other in /etc/fuse.conf if the server is not root)",
        )
    if error in (errno.EACCES, errno.EPERM):
        return (
            f"uid {user} may not read it ({os.strerror(error)})",
            "run as root, or as the user smbd serves as",
        )
    if error == errno.ESTALE:
        return (
            "the mount is stale (Stale file handle)",
            f"umount -l {facts.mount_point or path} and mount again",
        )
    return f"the file system answers {os.strerror(error)}", "see the log of the FUSE server"


def _ineffective(walk: Walk, facts: MountFacts) -> tuple[str, str]:
    if walk.shim_scope == "off":
        return "NLINKSHIM_SCOPE=off: the shim is loaded and inert", "unset NLINKSHIM_SCOPE, or set it to fuse"
    if walk.shim_scope == "fuse" and not facts.is_fuse:
        return (
            f"the mount is of type {facts.fstype}, and the scope is fuse",
            f"set NLINKSHIM_SCOPE={facts.mount_point or 'the mount point'}",
        )
    if walk.shim_scope != "fuse" and facts.mount_point not in [
        p.rstrip("/") or "/" for p in walk.shim_scope.split(":")
    ]:
        return (
            f"NLINKSHIM_SCOPE={walk.shim_scope} does not name this mount",
            f"add {facts.mount_point} to NLINKSHIM_SCOPE",
        )
    return (
        f"{_plural(walk.lies - walk.corrected, 'entry')} still show 0 under the shim",
        "see the samples; report it as a bug of nlinkshim with `nlinkshim verify --format json`",
    )


def judge(
    walk: Walk, path: str, facts: MountFacts, user: int, timeout: float
) -> tuple[Verdict, str | None, str | None]:
    """The verdict, its cause, and the remedy.

    What was seen to be wrong outweighs how the walk ended; lies that were all corrected prove the need even
    where some folders could not be read, but no lies prove nothing unless everything was read.
    """
    if walk.corrupted:
        return (
            Verdict.CORRUPTING,
            f"{_plural(walk.corrupted, 'entry')} changed in more than a count of 0, or to a wrong count",
            "do not use this shim here; report it as a bug with `nlinkshim verify --format json`",
        )
    if walk.lies > walk.corrected:
        return (Verdict.INEFFECTIVE, *_ineffective(walk, facts))
    if walk.hung_at is not None:
        return (
            Verdict.INCOMPLETE,
            f"no answer for {timeout:g} s at {walk.hung_at}: the FUSE daemon hangs",
            "restart the FUSE server; where a process stays in state D, first"
            f" {facts.abort_command}; then {_remount(facts, path)}",
        )
    if walk.root_error:
        return (Verdict.OTHER_CAUSE, *_unreachable(walk.root_error, path, facts, user))
    if walk.dead_error:
        return (Verdict.OTHER_CAUSE, *_unreachable(walk.dead_error, path, facts, user))
    if walk.crashed:
        return (
            Verdict.INCOMPLETE,
            f"the walking process ended by {walk.crashed}",
            "report it as a bug of nlinkshim",
        )
    if walk.interrupted:
        return Verdict.INCOMPLETE, "interrupted", None
    if walk.lies:
        return Verdict.NEEDED, None, None
    if walk.errors:
        return (
            Verdict.INCOMPLETE,
            f"{_plural(walk.errors, 'entry')} could not be read, first {walk.first_error_path}"
            f" ({os.strerror(walk.first_error)})",
            "run as a user who may read everything",
        )
    if walk.limited:
        return (
            Verdict.NOT_NEEDED,
            f"none of the first {_plural(walk.entries, 'entry')} reports a link count of 0",
            "before the shim is retired for this mount, verify all of it",
        )
    return Verdict.NOT_NEEDED, "no entry reports a link count of 0", "the shim can be retired for this mount"

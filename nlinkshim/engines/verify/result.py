"""The result of verify for one path, and the rows of what it may say.

Named tuples here and in what `verify` imports: dataclasses would double the time that Python takes to start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from nlinkshim.errors import ExitCode
from nlinkshim.output.text import GREEN, RED, YELLOW
from nlinkshim.output.verdict import VerdictRow

if TYPE_CHECKING:
    from nlinkshim.engines.verify.notes import Note


class Verdict(VerdictRow):
    """What verify says of a mount. The exit code is that of an undisturbed run: see MountResult.exit_code."""

    NEEDED = "needed", ExitCode.WELL, GREEN, "it reports 0 for live entries, and the shim corrects every one"
    NOT_NEEDED = "not-needed", ExitCode.WELL, GREEN, "no entry reports 0: it counts links by itself"
    INEFFECTIVE = (
        "ineffective",
        ExitCode.WRONG,
        RED,
        "it reports 0 for live entries, and the shim leaves some",
    )
    CORRUPTING = "corrupting", ExitCode.WRONG, RED, "the shim changed what it must not change"
    OTHER_CAUSE = "other-cause", ExitCode.INCOMPLETE, YELLOW, "the trouble is another one, which is named"
    INCOMPLETE = "incomplete", ExitCode.INCOMPLETE, YELLOW, "too little could be read or judged"


LEFT_AT_0 = "left at 0"


class Sample(NamedTuple):
    """One entry that lies, or that came out wrong. `raw` and `patched` are link counts."""

    path: str
    entry_point: str
    raw: int
    patched: int
    problem: str | None  # None: a lie that was corrected


class MountResult(NamedTuple):
    """What verify found at one path. Counts are entries, the root among them, unless said otherwise; each
    that was looked at is judged, unsettled, vanished or among the errors."""

    path: str  # as given
    verdict: Verdict
    fstype: str  # as in mountinfo
    mount_point: str | None  # where that mount is; None: not known
    scope: str  # of the shim, as it told
    entries: int
    judged: int
    lies: int  # live, and with a count of 0
    corrected: int  # of the lies, right in every answer
    left: int  # of the lies, still 0 under the shim
    wrong: int  # changed by the shim as they must not be
    moved: int  # judged, while other fields changed by themselves
    unsettled: int  # count or type never stood still
    vanished: int  # not there when it was their turn
    ghosts: int  # of these, still listed and still not there
    endless: int  # folders whose listing goes round: read once, and left
    errors: int  # could not be read
    unread: Mapping[str, int]  # the same by the name of the errno
    transient: int  # calls that failed, and worked when they were repeated
    closely: int  # compared by all entry points, and, if `fresh`, with the daemon asked afresh
    fresh: bool  # whether the kernel lets the daemon be asked afresh (statx, since Linux 4.11)
    limited: bool  # it ended at max_entries, and there was more
    mounts_below: int  # other file systems mounted below the path, not entered
    mounts_below_paths: tuple[str, ...]  # the same by path below the path; a part of very many
    seconds: float  # wall time
    cause: str | None
    remedy: str | None  # in words
    command: str | None  # the line for `sh` that does what the remedy says, or begins it
    partial: bool  # the verdict stands, but not everything could be judged
    samples: tuple[Sample, ...] = ()
    notes: tuple[Note, ...] = ()  # other lies of a FUSE mount; none changes the verdict

    @property
    def exit_code(self) -> ExitCode:
        """The verdict's, but 3 for lies that were all corrected where something could not be judged."""
        return max(self.verdict.exit_code, ExitCode.INCOMPLETE if self.partial else ExitCode.WELL)

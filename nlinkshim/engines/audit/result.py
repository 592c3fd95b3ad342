"""The result of audit for one program, and the rows of what it may say."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from nlinkshim.errors import ExitCode, RefusedError
from nlinkshim.output.text import GREEN, RED, YELLOW
from nlinkshim.output.verdict import VerdictRow

if TYPE_CHECKING:
    from nlinkshim.engines.audit.loader import Libc


class Severity(str, Enum):
    """What a finding does to the verdict, gravest first: a row of word and colour (None: no colour) each."""

    colour: str | None

    def __new__(cls, word: str, colour: str | None) -> Severity:
        severity = str.__new__(cls, word)
        severity._value_ = word
        severity.colour = colour
        return severity

    ERROR = "error", RED
    WARNING = "warning", YELLOW
    INFO = "info", None


class Verdict(VerdictRow):
    """How much of a program's calls a preload reaches."""

    REACHABLE = "reachable", ExitCode.WELL, GREEN, "a preload reaches its stat calls"
    PARTLY = "partly", ExitCode.WRONG, YELLOW, "a preload reaches only a part of its stat calls"
    UNREACHABLE = "unreachable", ExitCode.WRONG, RED, "no preload reaches its stat calls"


@dataclass(frozen=True)
class Finding:
    """`object` is a path as seen inside the root; reason and remedy are sentences without a full stop."""

    id: str
    severity: Severity
    object: str
    reason: str
    remedy: str | None = None


@dataclass(frozen=True)
class ProgramAudit:
    """What was found of one program. Paths are as seen inside the root; `path` is as given."""

    path: str
    machine: str
    libc: Libc
    verdict: Verdict
    objects: list[str] = field(default_factory=list)  # the program first, as the loader finds them
    imports: dict[str, list[str]] = field(default_factory=dict)  # entry point -> objects
    uncovered: list[str] = field(default_factory=list)  # entry points
    findings: list[Finding] = field(default_factory=list)  # gravest first
    plug_ins: int = 0  # of the objects, those that DT_NEEDED does not lead to

    @property
    def grave(self) -> list[Finding]:
        """The findings that the verdict stands on; none if it is reachable."""
        return [finding for finding in self.findings if finding.severity is not Severity.INFO]

    def require_reachable(self) -> None:
        """Refuse a program in which no preload could work.

        Raises:
            RefusedError: with the gravest reason and its remedy.
        """
        if self.verdict is Verdict.UNREACHABLE:
            first = self.grave[0]
            remedy = f"; {first.remedy}" if first.remedy else ""
            raise RefusedError(f"{self.path} is out of a preload's reach: {first.reason}{remedy}")

"""How the findings of doctor are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from nlinkshim.engines.doctor.result import Finding, Level
from nlinkshim.output.json import document
from nlinkshim.output.lines import fitted
from nlinkshim.output.text import coloured, printable

SCHEMA = "nlinkshim.doctor/1"


def as_json(findings: Sequence[Finding]) -> str:
    """The document of schema nlinkshim.doctor/1."""
    return document(SCHEMA, findings=[asdict(finding) for finding in findings])


def as_text(finding: Finding, width: int | None = None, path: str | None = None) -> str:
    """One finding: a line, and below it the remedy and its command if there are any. `width`: of the
    terminal, where `path` is not torn."""
    level = coloured(finding.level.value, finding.level.colour)
    line = f"{level}  {finding.id}: {printable(finding.subject)}: {printable(finding.message)}"
    if finding.remedy is not None:
        line += f"\n      remedy: {printable(finding.remedy)}"
    if finding.command is not None:
        line += f"\n      command: {printable(finding.command)}"
    return fitted(line, width, [printable(path or "")])


def summary(findings: Sequence[Finding], width: int | None = None) -> str:
    """How many, and the ids of those that did not pass, which may have scrolled away."""
    words = {Level.PASS: "passed", Level.WARN: "to look at", Level.FAIL: "failed"}
    parts = []
    for level, word in words.items():
        ids = [finding.id for finding in findings if finding.level is level]
        named = f" ({', '.join(dict.fromkeys(ids))})" if ids and level is not Level.PASS else ""
        parts.append(f"{len(ids)} {word}{named}")
    return fitted(", ".join(parts), width)

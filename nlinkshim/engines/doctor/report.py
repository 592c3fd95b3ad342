"""How the findings of doctor are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from nlinkshim.engines.doctor.result import Finding, Level
from nlinkshim.output.json import document
from nlinkshim.output.text import coloured, printable

SCHEMA = "nlinkshim.doctor/1"


def as_json(findings: Sequence[Finding]) -> str:
    """The document of schema nlinkshim.doctor/1."""
    return document(SCHEMA, findings=[asdict(finding) for finding in findings])


def as_text(finding: Finding) -> str:
    """One finding: a line, and below it the remedy and its command if there are any."""
    level = coloured(finding.level.value, finding.level.colour)
    line = f"{level}  {finding.id}: {printable(finding.subject)}: {printable(finding.message)}"
    if finding.remedy is not None:
        line += f"\n      remedy: {printable(finding.remedy)}"
    if finding.command is not None:
        line += f"\n      command: {printable(finding.command)}"
    return line


def summary(findings: Sequence[Finding]) -> str:
    counts = [sum(finding.level is level for finding in findings) for level in Level]
    return f"{counts[0]} passed, {counts[1]} to look at, {counts[2]} failed"

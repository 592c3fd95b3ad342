"""How the results of audit are shown."""

from __future__ import annotations

import posixpath
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from nlinkshim.engines.audit.result import Finding, ProgramAudit
from nlinkshim.output.json import document
from nlinkshim.output.text import coloured, printable

SCHEMA = "nlinkshim.audit/1"

_WIDTH = 110


def as_json(results: Sequence[ProgramAudit]) -> str:
    """The document of schema nlinkshim.audit/1."""
    programs = [asdict(result) for result in results]
    for program in programs:
        del program["plug_ins"]
    return document(SCHEMA, programs=programs)


def as_text(results: Sequence[ProgramAudit]) -> str:
    """For each program its verdict, what it and its libraries import, and what was found."""
    return "\n\n".join("\n".join(_program(result)) for result in results)


def _program(result: ProgramAudit) -> Iterator[str]:
    verdict = coloured(result.verdict.value, result.verdict.colour)
    yield f"{printable(result.path)}: {verdict}: {result.verdict.meaning}"
    libraries = len(result.objects) - 1 - result.plug_ins
    counts = [_count(libraries, "library"), _count(result.plug_ins, "plug-in")]
    libc = _LIBCS.get(result.libc, result.libc)
    yield "  " + ", ".join(filter(None, [result.machine, libc, *counts]))
    width = max(map(len, result.imports), default=0)
    for name, objects in result.imports.items():
        mark = "not covered" if name in result.uncovered else "covered"
        yield from _wrapped(f"  {name:{width}}  {mark}  ", _names(objects))
    for group in _grouped(result.findings):
        yield from _finding(group)


_LIBCS = {"none": "no C library loaded", "unknown": "unknown C library"}


def _count(number: int, noun: str) -> str:
    if number <= 0:
        return ""
    return (
        f"1 {noun}" if number == 1 else f"{number} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"
    )


def _finding(group: Sequence[Finding]) -> Iterator[str]:
    first = group[0]
    severity = first.severity
    label = severity.value if severity.colour is None else coloured(severity.value, severity.colour)
    yield f"  {label}: {first.id}: {printable(first.reason)}"
    yield from _wrapped("    in: ", _names([finding.object for finding in group]))
    if first.remedy:
        yield f"    remedy: {printable(first.remedy)}"


def _grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that say the same of several objects, together."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.id, finding.severity.value, finding.reason, finding.remedy or "")
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _names(paths: Sequence[str]) -> str:
    return ", ".join(printable(posixpath.basename(path)) for path in paths)


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )

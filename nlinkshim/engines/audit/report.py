"""How the results of audit are shown."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from nlinkshim.engines.audit.result import Finding, ProgramAudit
from nlinkshim.output.json import document
from nlinkshim.output.lines import WIDEST, fitted
from nlinkshim.output.text import coloured, printable

SCHEMA = "nlinkshim.audit/1"


def as_json(results: Sequence[ProgramAudit]) -> str:
    """The document of schema nlinkshim.audit/1."""
    programs = [asdict(result) for result in results]
    for program in programs:
        del program["plug_ins"]
    return document(SCHEMA, programs=programs)


def as_text(results: Sequence[ProgramAudit], width: int | None = None) -> str:
    """For each program what it and its libraries import, what was found, and last the verdict, where it does
    not scroll away. `width`: of the terminal."""
    return "\n\n".join(_program(result, width) for result in results)


def _program(result: ProgramAudit, width: int | None) -> str:
    whole = [printable(result.path), *(printable(finding.object) for finding in result.findings)]
    lines = [_head(result), *_imports(result, width), *_found(result, width)]
    return fitted("\n".join(lines), width, whole)


def _head(result: ProgramAudit) -> str:
    libraries = len(result.objects) - 1 - result.plug_ins
    counts = [_count(libraries, "library"), _count(result.plug_ins, "plug-in")]
    libc = _LIBCS.get(result.libc, result.libc)
    return f"{printable(result.path)}: {', '.join(filter(None, [result.machine, libc, *counts]))}"


def _imports(result: ProgramAudit, width: int | None) -> Iterator[str]:
    longest = max(map(len, result.imports), default=0)
    for name, objects in result.imports.items():
        mark = "not covered" if name in result.uncovered else "covered"
        yield fitted(f"  {name:{longest}}  {mark}  {_names(objects)}", width or WIDEST)


def _found(result: ProgramAudit, width: int | None) -> Iterator[str]:
    for group in _grouped(result.findings):
        yield from _finding(group, width)
    verdict = coloured(result.verdict.value, result.verdict.colour)
    yield f"{printable(result.path)}: {verdict}: {result.verdict.meaning}"


_LIBCS = {"none": "no C library loaded", "unknown": "unknown C library"}


def _count(number: int, noun: str) -> str:
    if number <= 0:
        return ""
    return (
        f"1 {noun}" if number == 1 else f"{number} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"
    )


def _finding(group: Sequence[Finding], width: int | None) -> Iterator[str]:
    first = group[0]
    severity = first.severity
    label = severity.value if severity.colour is None else coloured(severity.value, severity.colour)
    yield f"  {label}: {first.id}: {printable(first.reason)}"
    yield fitted(f"    in: {_names([finding.object for finding in group])}", width or WIDEST)
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

"""How the results of verify are shown."""

from __future__ import annotations

from collections.abc import Sequence

from nlinkshim.report.text import GREEN, RED, YELLOW, coloured, printable
from nlinkshim.verifier.verdict import MountResult, Verdict

SCHEMA = "nlinkshim.verify/1"

_COLOURS = {
    Verdict.NEEDED: GREEN,
    Verdict.NOT_NEEDED: GREEN,
    Verdict.INEFFECTIVE: RED,
    Verdict.CORRUPTING: RED,
    Verdict.OTHER_CAUSE: YELLOW,
    Verdict.INCOMPLETE: YELLOW,
}

_MEANINGS = {
    Verdict.NEEDED: "the file system reports 0 for live entries; the shim corrects all of them",
    Verdict.NOT_NEEDED: "the file system tells the truth",
    Verdict.INEFFECTIVE: "the file system reports 0 for live entries, and the shim does not correct them",
    Verdict.CORRUPTING: "the shim changed what it must not change",
    Verdict.OTHER_CAUSE: "something other than link counts is wrong",
    Verdict.INCOMPLETE: "not everything could be looked at",
}

SHOWN_PROBLEMS = 5


def as_json(results: Sequence[MountResult]) -> str:
    """The document of schema nlinkshim.verify/1."""
    from nlinkshim.report.json import document

    mounts = [
        {**result._asdict(), "samples": [sample._asdict() for sample in result.samples]} for result in results
    ]
    return document(SCHEMA, mounts=mounts)


def as_text(results: Sequence[MountResult]) -> str:
    """A table with a line a mount, and below it what there is to say of each."""
    lines = [as_table(results, [result.path for result in results])]
    for result in results:
        lines += ["", *_explain(result)]
    return "\n".join(lines)


def as_table(results: Sequence[MountResult], labels: Sequence[str]) -> str:
    """The table alone, with these labels in its first column."""
    heads = ("MOUNT", "TYPE", "ENTRIES", "LIES", "CORRECTED", "WRONG", "ERRORS", "SECONDS", "VERDICT")
    rows = [
        (
            printable(label),
            result.fstype,
            f"{result.entries:,}",
            f"{result.lies:,}",
            f"{result.corrected:,}",
            f"{result.wrong:,}",
            f"{result.errors:,}",
            f"{result.seconds:.2f}",
        )
        for label, result in zip(labels, results, strict=True)
    ]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads) - 1)]
    text_columns = 2  # the rest are numbers

    def line(cells: Sequence[str], last: str) -> str:
        parts = [
            cell.ljust(width) if column < text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=False))
        ]
        return "  ".join([*parts, last])

    lines = [line(heads, heads[-1])]
    lines += [
        line(row, coloured(result.verdict.value, _COLOURS[result.verdict]))
        for row, result in zip(rows, results, strict=True)
    ]
    return "\n".join(lines)


def _explain(result: MountResult) -> list[str]:
    lines = [f"{printable(result.path)}: {_MEANINGS[result.verdict]}."]
    if result.cause:
        lines.append(f"  cause:  {printable(result.cause)}")
    if result.remedy:
        lines.append(f"  remedy: {printable(result.remedy)}")
    problems = [sample for sample in result.samples if sample.problem]
    for sample in problems[:SHOWN_PROBLEMS]:
        lines.append(
            f"  {printable(sample.path)}: {sample.entry_point}: {sample.problem}"
            f" (raw {sample.raw}, patched {sample.patched})"
        )
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f"  ... and more: --format json lists up to {len(problems)}")
    if result.errors and result.verdict is Verdict.NEEDED:
        lines.append(f"  note: {result.errors:,} could not be read; the verdict stands on what was")
    return lines

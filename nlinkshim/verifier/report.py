"""How the results of verify are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nlinkshim.report.text import coloured, printable
from nlinkshim.verifier.result import MountResult
from nlinkshim.verifier.run import Options
from nlinkshim.verifier.verdict import LEFT_AT_0, Sample, Verdict, plural

SCHEMA = "nlinkshim.verify/1"

SHOWN_PROBLEMS = 5
SHOWN_MOUNTS = 8


def as_json(results: Sequence[MountResult], options: Options, shim: Path) -> str:
    """The document of schema nlinkshim.verify/1."""
    from nlinkshim.report.json import document

    run = {**options._asdict(), "shim": str(shim)}
    return document(SCHEMA, run=run, mounts=[_mount(result) for result in results])


def _mount(result: MountResult) -> dict[str, object]:
    return {
        **result._asdict(),
        "exit_code": int(result.exit_code),
        "unread": dict(result.unread),
        "samples": [sample._asdict() for sample in result.samples],
    }


def as_text(results: Sequence[MountResult]) -> str:
    """A table with a line a mount, and below it what there is to say of each."""
    lines = [as_table(results, [result.path for result in results])]
    for result in results:
        lines += ["", *_explain(result)]
    return "\n".join(lines)


def as_table(results: Sequence[MountResult], labels: Sequence[str]) -> str:
    """The table alone, with these labels in its first column."""
    heads = ("MOUNT", "TYPE", "ENTRIES", "LIES", "CORRECTED", "LEFT", "WRONG", "UNREAD", "SECONDS", "VERDICT")
    rows = [
        (
            printable(label),
            printable(result.fstype),
            f"{result.entries:,}",
            f"{result.lies:,}",
            f"{result.corrected:,}",
            f"{result.left:,}",
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
        line(row, coloured(result.verdict.value, result.verdict.colour))
        for row, result in zip(rows, results, strict=True)
    ]
    return "\n".join(lines)


def _explain(result: MountResult) -> list[str]:
    extent = f", of the first {plural(result.entries, 'entry')}" if result.limited else ""
    lines = [f"{printable(result.path)}: {result.verdict.meaning}{extent}."]
    for word, text in (("cause", result.cause), ("remedy", result.remedy), ("command", result.command)):
        if text:
            lines.append(f"  {word + ':':8} {printable(text)}")
    lines += [f"  {printable(line)}" for line in (*_problems(result.samples), *_notes(result))]
    return lines


def _problems(samples: Sequence[Sample]) -> Iterator[str]:
    # What was changed wrongly is rarer than lies that were left, and tells more.
    problems = sorted((s for s in samples if s.problem), key=lambda s: s.problem == LEFT_AT_0)
    for sample in problems[:SHOWN_PROBLEMS]:
        yield (
            f"{sample.path}: {sample.entry_point}: {sample.problem}"
            f" (raw {sample.raw}, patched {sample.patched})"
        )
    if len(problems) > SHOWN_PROBLEMS:
        yield f"... and more: --format json lists up to {len(problems)}"


def _notes(result: MountResult) -> Iterator[str]:
    """What was counted besides."""
    if result.mounts_below:
        shown = ", ".join(result.mounts_below_paths[:SHOWN_MOUNTS])
        more = result.mounts_below - min(len(result.mounts_below_paths), SHOWN_MOUNTS)
        yield f"note: not entered, other file systems: {shown}" + (f" and {more:,} more" if more else "")
    if result.moved:
        yield (
            f"note: {plural(result.moved, 'entry')} changed in other fields (a time, the size) while"
            " looked at; count and type were judged"
        )
    if not result.fresh:
        yield (
            "note: the daemon could not be asked afresh, for want of statx (an old kernel, or a filter): what"
            " the kernel remembered of its answers was judged"
        )
    if result.vanished:
        what = plural(result.vanished, "entry")
        still = f", {result.ghosts:,} of them are still listed" if result.ghosts else ""
        yield f"note: {what} had vanished when it was their turn{still}"
    if result.transient:
        what = plural(result.transient, "call")
        yield f"note: {what} failed, and worked when repeated: see the log of the FUSE server"
    if result.limited and result.verdict is Verdict.NEEDED:
        yield "note: verify all of it to know that every lie is corrected"

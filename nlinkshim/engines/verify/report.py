"""How the results of verify are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nlinkshim.engines.verify.judge import plural
from nlinkshim.engines.verify.notes import Note
from nlinkshim.engines.verify.options import Options
from nlinkshim.engines.verify.result import LEFT_AT_0, MountResult, Sample, Verdict
from nlinkshim.output.lines import fitted, shortened
from nlinkshim.output.table import as_table
from nlinkshim.output.text import printable

SCHEMA = "nlinkshim.verify/1"

TEXTS = ("VERDICT", "MOUNT", "TYPE")
RARE = ("LEFT", "WRONG", "UNREAD")  # left out where they are 0 throughout: 80 columns are few
NUMBERS = ("ENTRIES", "LIES", "CORRECTED", *RARE, "SECONDS")
DROPPED = ("SECONDS", "LEFT", "UNREAD")  # where a terminal is too narrow; the text below has the last two
SHOWN_PROBLEMS = 5
SHOWN_MOUNTS = 8
COLUMNS = 80


def as_json(results: Sequence[MountResult], options: Options, shim: Path) -> str:
    """The document of schema nlinkshim.verify/1."""
    from nlinkshim.output.json import document

    run = {**options._asdict(), "shim": str(shim)}
    return document(SCHEMA, run=run, mounts=[_mount(result) for result in results])


def _mount(result: MountResult) -> dict[str, object]:
    return {
        **result._asdict(),
        "exit_code": int(result.exit_code),
        "unread": dict(result.unread),
        "samples": [sample._asdict() for sample in result.samples],
        "notes": [note._asdict() for note in result.notes],
    }


def as_text(results: Sequence[MountResult], width: int | None = None) -> str:
    """A table with a line a mount, and below it what there is to say of each. `width`: of the terminal."""
    lines = [summary(results, [result.path for result in results], width)]
    for result in results:
        whole = [result.path, result.mount_point or "", *result.mounts_below_paths]
        whole += [sample.path for sample in result.samples]
        lines += ["", fitted("\n".join(_explain(result, width)), width, map(printable, whole))]
    return "\n".join(lines)


def summary(results: Sequence[MountResult], labels: Sequence[str], width: int | None = None) -> str:
    """The table alone, with these labels in the column of mounts."""
    rows = [
        (
            result.verdict.value,
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
    colours = [result.verdict.colour for result in results]
    columns = zip(TEXTS + NUMBERS, *rows, strict=True)
    shown = [column for column in columns if column[0] not in RARE or {*column[1:]} != {"0"}]
    heads, *rows = zip(*shown, strict=True)
    return as_table(
        heads,
        rows,
        numbers=NUMBERS,
        colours=(TEXTS[0], colours),
        width=width,
        flexible=TEXTS[1:],
        dropped=DROPPED,
    )


def _explain(result: MountResult, width: int | None) -> list[str]:
    extent = f", of the first {plural(result.entries, 'entry')}" if result.limited else ""
    lines = [f"{printable(result.path)}: {result.verdict.meaning}{extent}."]
    for word, text in (("cause", result.cause), ("remedy", result.remedy), ("command", result.command)):
        if text:
            lines.append(f"  {word + ':':8} {printable(text)}")
    lines += [f"  {printable(line)}" for line in (*_problems(result.samples), *_notes(result))]
    fitting = min(width or COLUMNS, COLUMNS)
    return lines + [line for note in result.notes for line in _other_lie(note, fitting)]


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


def _other_lie(note: Note, width: int) -> Iterator[str]:
    """One in lines of at most `width`; the JSON has all examples, whole, and the fix for each library."""
    extent = f"{note.count:,} of {note.of:,}{' sampled' if note.sampled else ''}"
    detail = f" ({note.detail})" if note.detail else ""
    seen = f": {extent}" if note.examples else ""
    yield fitted(f"  note: {note.id}: {note.what}{detail}{seen}", width)
    if note.examples:
        yield f"    as {shortened(printable(note.examples[0]), width - 7)}"
    yield fitted(f"    harms: {note.harms}", width)
    yield fitted(f"    fix: {note.fix['any']}", width)

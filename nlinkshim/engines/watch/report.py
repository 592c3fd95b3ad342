"""What watch prints: a line for each event, and a table at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone

from nlinkshim.engines.watch.result import Event, Summary
from nlinkshim.output.json import line
from nlinkshim.output.lines import fitted
from nlinkshim.output.table import as_table
from nlinkshim.output.text import GREEN, RED, coloured, printable

SCHEMA = "nlinkshim.watch/1"

HEADS = ("PATH", "WHAT", "NOW", "LOOKS", "OUTAGES", "LONGEST", "TOO LONG", "KINDS")
NUMBERS = ("LOOKS", "OUTAGES", "LONGEST", "TOO LONG")


def as_json(event: Event) -> str:
    """One line of schema nlinkshim.watch/1."""
    kinds = {kind: round(seconds, 3) for kind, seconds in event.kinds.items()}
    return line(SCHEMA, **{**asdict(event), "kinds": kinds, "seconds": round(event.seconds, 3)})


def summary_as_json(summary: Summary) -> str:
    """The line that ends the watch of a path."""
    kinds = {kind: {"began": t.began, "seconds": round(t.seconds, 3)} for kind, t in summary.kinds.items()}
    whole = {**asdict(summary), "kinds": kinds, "longest": round(summary.longest, 3)}
    return line(SCHEMA, event="summary", **whole)


def as_text(event: Event, rto: float | None, width: int | None = None) -> str:
    """One line, with the local time; more where it does not fit a terminal of `width` columns."""
    when = datetime.fromtimestamp(event.at, timezone.utc).astimezone().isoformat(" ", "milliseconds")
    where = printable(event.path) + ("" if event.what == "mount" else f" (an open {event.what})")
    text = TEXTS[event.event].format(
        kind=event.kind,
        call=event.call,
        seconds=f"{event.seconds:.1f}",
        kinds=_spent(event.kinds),
        rto=f"{rto:g}" if rto else "",
    )
    if event.cause is not None:
        text += f": {printable(event.cause)}; {printable(event.remedy or '')}"
        text += f": `{event.command}`" if event.command else ""
    if event.event == "up":
        if event.lost:
            text += "; it never answered again, a fresh one does"
        if rto is not None and event.seconds > rto:
            text += f"; longer than the {rto:g} s allowed"
    word = coloured(event.event, GREEN if event.event == "up" else RED)
    return fitted(f"{when}  {word:4}  {where}: {text}", width, [printable(event.path)])


TEXTS = {
    "down": "{kind} ({call})",
    "kind": "{kind} now ({call}), {seconds} s after it began",
    "over": "still {kind} after {seconds} s, longer than the {rto} s allowed",
    "up": "after {seconds} s ({kinds})",
    "end": "still {kind}, for {seconds} s ({kinds})",
}


def summaries_as_text(summaries: Sequence[Summary], width: int | None = None) -> str:
    """A table, a row for each path."""
    rows, colours = [], []
    for summary in summaries:
        colours.append(GREEN if summary.up else RED)
        rows.append(
            (
                printable(summary.path),
                summary.what,
                "up" if summary.up else "down",
                f"{summary.looks:,}",
                str(summary.outages),
                f"{summary.longest:.1f} s" if summary.outages else "-",
                str(summary.over),
                _spent({kind: tally.seconds for kind, tally in summary.kinds.items()}) or "-",
            )
        )
    return as_table(
        HEADS,
        rows,
        numbers=NUMBERS,
        colours=("NOW", colours),
        width=width,
        flexible=("PATH", "KINDS"),
        dropped=("WHAT", "LOOKS"),
    )


def _spent(kinds: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in kinds.items())

"""What the witnesses' lines amount to: when each look failed, in which ways, and for how long."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

LOOKS = ("statfs", "list", "stat", "open", "folder", "held")
# A call that takes longer than this, in seconds, is an outage even when it succeeds. Below it lies what two
# guests on busy processors take for a call now and then.
SLOW = 1.0
INTERVAL = 1.0


@dataclass(frozen=True)
class Look:
    """One call of a witness. Times in seconds since 1970."""

    consumer: str
    look: str
    begin: float
    end: float
    seen: str

    @property
    def kind(self) -> str:
        """What was wrong, or ok."""
        return "hang" if self.seen == "ok" and self.end - self.begin > SLOW else self.seen

    @property
    def good(self) -> bool:
        return self.kind == "ok"


@dataclass(frozen=True)
class Outage:
    """From the begin of the first call that failed to the end of the first that was good again."""

    consumer: str
    look: str
    begin: float
    end: float
    kinds: tuple[str, ...]
    over: bool

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def __str__(self) -> str:
        lasted = f"{self.seconds:.1f} s" if self.over else f"not over after {self.seconds:.1f} s"
        return f"{self.look}: {', '.join(self.kinds)} {lasted}"


def parse(consumer: str, lines: str) -> list[Look]:
    """What a witness wrote; its last line may be half written."""
    whole = lines[: lines.rfind("\n") + 1]
    return [Look(consumer, **json.loads(line)) for line in whole.splitlines()]


def outages(looks: Iterable[Look], now: float) -> list[Outage]:
    """The outages in the order of their begin. A look from which nothing came for long before `now` hangs."""
    found = []
    for (consumer, name), group in groupby(sorted(looks, key=_which), key=_which_one):
        calls = list(group)
        last = calls[-1]
        if now - last.end > INTERVAL + SLOW:
            calls.append(Look(consumer, name, last.end + INTERVAL, now, "hang"))
        found += _of_one(consumer, name, calls)
    return sorted(found, key=lambda outage: outage.begin)


def _which(look: Look) -> tuple[str, str, float]:
    return look.consumer, look.look, look.begin


def _which_one(look: Look) -> tuple[str, str]:
    return look.consumer, look.look


def _of_one(consumer: str, name: str, calls: Sequence[Look]) -> list[Outage]:
    found = []
    bad: list[Look] = []

    def close(end: float, over: bool) -> None:
        kinds = tuple(dict.fromkeys(call.kind for call in bad))
        found.append(Outage(consumer, name, bad[0].begin, end, kinds, over))
        bad.clear()

    for call in calls:
        if not call.good:
            bad.append(call)
        elif bad:
            close(call.end, True)
    if bad:
        if bad[-1].seen == "ok":  # it took long, and succeeded
            close(bad[-1].end, True)
        else:
            close(bad[-1].end, False)
    return found


def good_since(looks: Iterable[Look], moment: float, consumers: Iterable[str], times: int = 2) -> bool:
    """Whether each look of each consumer was good that many times running, all begun after `moment`, last."""
    by_one: dict[tuple[str, str], list[Look]] = {}
    for look in looks:
        if look.begin >= moment:
            by_one.setdefault((look.consumer, look.look), []).append(look)
    wanted = [(consumer, name) for consumer in consumers for name in LOOKS]
    return all(
        len(calls := by_one.get(one, [])[-times:]) == times and all(call.good for call in calls)
        for one in wanted
    )


def table(found: Sequence[Outage]) -> str:
    """For each look: its median and longest outage in seconds over the consumers, and the kinds."""
    lines = [f"{'look':8}{'median s':>9}{'worst s':>9}  seen"]
    for name in (*LOOKS, "all"):
        mine = [outage for outage in found if name in (outage.look, "all")]
        if not mine:
            lines.append(f"{name:8}{'-':>9}{'-':>9}")
            continue
        seconds = [outage.seconds for outage in mine]
        kinds = sorted({kind for outage in mine for kind in outage.kinds})
        still = "" if all(outage.over for outage in mine) else ", not over"
        lines.append(
            f"{name:8}{statistics.median(seconds):9.1f}{max(seconds):9.1f}  {' '.join(kinds)}{still}"
        )
    return "\n".join(lines)

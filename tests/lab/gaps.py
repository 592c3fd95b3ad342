"""What the pollers saw in a gap, for each consumer and user: empty successes, errors, and how long."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stretch:
    """So many polls one after the other that all saw the same, by poller.py. Times in seconds since 1970."""

    kind: str
    who: str
    seen: str
    begin: float
    end: float
    polls: int
    last: bool

    @property
    def empty(self) -> bool:
        return self.seen.startswith("EMPTY")

    @property
    def through_smbd(self) -> bool:
        return not self.kind.startswith("direct")

    @property
    def through_kernel(self) -> bool:
        """By the kernel's CIFS client."""
        return self.kind.startswith("CIFS")


@dataclass
class Row:
    """What one user of one kind of consumer saw in all rounds of a gap."""

    gap: str
    kind: str
    who: str
    polls: int = 0
    seen: Counter[str] = field(default_factory=Counter)  # all but ok, by polls
    lengths: list[float] = field(
        default_factory=list
    )  # s, of each round: from the first poll not ok to the last
    unended: int = 0  # rounds after which it was not well, or hung

    @property
    def empty(self) -> int:
        return sum(polls for seen, polls in self.seen.items() if seen.startswith("EMPTY"))

    def add(self, stretches: list[Stretch]) -> None:
        """A round."""
        self.polls += sum(stretch.polls for stretch in stretches)
        bad = [stretch for stretch in stretches if stretch.seen != "ok"]
        for stretch in bad:
            self.seen[stretch.seen] += stretch.polls
        self.lengths.append(bad[-1].end - bad[0].begin if bad else 0.0)
        final = stretches[-1]
        self.unended += not (final.last and final.seen == "ok")

    @property
    def errors(self) -> str:
        met = [f"{name} {count}" for name, count in sorted(self.seen.items()) if "EMPTY" not in name]
        return ", ".join(met) or "none"

    def cells(self) -> list[str]:
        median, worst = statistics.median(self.lengths), max(self.lengths)
        return [
            *(self.gap, self.kind, self.who, str(self.polls), str(self.empty), self.errors),
            *(f"{median:.2f}", f"{worst:.2f}" + (" (not over)" if self.unended else "")),
        ]


HEADER = ["gap", "consumer", "who", "polls", "empty successes", "polls with an error", "median s", "worst s"]


def parse(lines: str) -> list[Stretch]:
    return [Stretch(**json.loads(line)) for line in lines.splitlines()]


@dataclass
class Table:
    """The rows of many gaps, each the sum of its rounds."""

    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)

    def add(self, gap: str, stretches: Iterable[Stretch]) -> list[Row]:
        """Add a round of a gap. The rows that it holds now."""
        by_poller: dict[tuple[str, str], list[Stretch]] = {}
        for stretch in stretches:
            by_poller.setdefault((stretch.kind, stretch.who), []).append(stretch)
        found = []
        for (kind, who), mine in by_poller.items():
            row = self.rows.setdefault((gap, kind, who), Row(gap, kind, who))
            row.add(mine)
            found.append(row)
        return found

    def markdown(self) -> str:
        return markdown(HEADER, (row.cells() for row in self.rows.values()))


def markdown(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

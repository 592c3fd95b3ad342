"""Single calls of an entry point, in a process of their own: see caller.c."""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from pathlib import Path

from harness import processes
from harness.table import BY_DESCRIPTOR, BY_NAME, EMPTY_PATH, ENTRY_POINTS, WALKS, EntryPoint, shaped

from .setting import Bench

SINGLE = shaped(BY_NAME | BY_DESCRIPTOR)
WALKING = shaped(WALKS)

__all__ = ["ENTRY_POINTS", "SINGLE", "WALKING", "Caller", "EntryPoint", "takes_descriptor", "takes_name"]


def takes_name(entry: EntryPoint) -> bool:
    return entry.shape in BY_NAME


def takes_descriptor(entry: EntryPoint) -> bool:
    return entry.shape in BY_DESCRIPTOR | EMPTY_PATH


@dataclass(frozen=True)
class Caller:
    """Calls `entry` for `target` in the folder `where`; see caller.c for `how`."""

    bench: Bench
    entry: str
    how: str
    where: Path
    target: str

    def command(self, mode: str, count: int) -> list[str]:
        return [str(self.bench.program("caller")), self.entry, self.how, self.target, mode, str(count)]

    def _run(self, env: dict[str, str], command: list[str]) -> str:
        done = processes.run(command, env=env, cwd=self.where, timeout=60)
        return done.stdout + done.stderr

    def nanoseconds(self, env: dict[str, str], batches: int) -> float:
        return float(self._run(env, self.command("time", batches)))

    def stepped(self, env: dict[str, str], calls: int) -> tuple[int, int]:
        """User instructions of a call, the median, and how many entries a walk visits."""
        text = self._run(env, [str(self.bench.program("stepper")), *self.command("mark", calls)])
        counts = [int(line) for line in text.splitlines() if line.isdigit()]
        visited = re.search(r"^visited (\d+)$", text, re.MULTILINE)
        assert len(counts) == calls, text
        return int(statistics.median_low(counts)), int(visited[1]) if visited else 0

    def simulated(self, env: dict[str, str]) -> float:
        """User instructions of a call as callgrind counts them: the difference of two loops."""
        few, many = 100, 1100
        totals = []
        for count in (few, many):
            valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            text = self._run(env, [*valgrind, *self.command("loop", count)])
            collected = re.search(r"Collected : (\d+)", text)
            assert collected, text
            totals.append(int(collected[1]))
        return (totals[1] - totals[0]) / (many - few)

"""Runs that take turns, and the ratios of what they took."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

AT_LEAST = 3

Samples = dict[str, list[float]]


def interleaved(runs: Mapping[str, Callable[[], float]], rounds: int, seconds: float) -> Samples:
    """Each run once a round, another first each time. Ends after `seconds` even if `rounds` are not done."""
    samples: Samples = {name: [] for name in runs}
    names = list(runs)
    ends = time.monotonic() + seconds
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            samples[name].append(runs[name]())
        if time.monotonic() > ends and number + 1 >= AT_LEAST:
            break
    return samples


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and the quartiles around it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(samples: Samples, name: str, to: str) -> Ratio:
    each = sorted(one / other for one, other in zip(samples[name], samples[to], strict=True))
    low, _, high = statistics.quantiles(each, n=4, method="inclusive")
    return Ratio(statistics.median(each), low, high)


def timed(
    command: list[str], env: Mapping[str, str], expected: tuple[int, ...] = (0,), timeout: float = 120
) -> float:
    """Seconds that the command takes with its output thrown away."""
    started = time.perf_counter()
    done = subprocess.run(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=timeout,
        check=False,
    )
    took = time.perf_counter() - started
    if done.returncode not in expected:
        raise RuntimeError(
            f"{command} ended with {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}"
        )
    return took

"""What does a cold walk cost through the shim, and what through the fix that needs no preload?"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from harness import mounts
from harness.preload import bare

from .report import Section, Table
from .rounds import interleaved, ratio
from .setting import Bench, absent

NAME = "cold-walk"
METHOD = """\
`find -links +0` over a lying go-fuse mount, in runs that take turns. Each run gets a daemon (and a
bindfs) of its own, so that nobody inherits a cache; *found* counts the entries that show a link count.
Medians of the rounds' ratios, quartiles in brackets."""


def bindfs(source: Path, target: Path) -> list[str]:
    return ["bindfs", "-f", "--hide-hard-links", str(source), str(target)]


def _walk(
    bench: Bench, entries: int, found: dict[str, int], name: str, env: dict[str, str], front: bool
) -> float:
    with ExitStack() as stack:
        tree = stack.enter_context(bench.mount("cold", entries=entries)).path
        if front:
            path = bench.folder / "front"
            tree = stack.enter_context(mounts.served(path, bindfs(tree, path))).path
        started = time.perf_counter()
        command = ["find", str(tree), "-links", "+0", "-printf", "."]
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True
        )
        took = time.perf_counter() - started
    found[name] = len(done.stdout)
    return took


def measure(bench: Bench) -> Section:
    entries = bench.scaled(101_000, 10_000)
    found: dict[str, int] = {}
    ways = {"bare, where all show 0": (bare(), False), "shim": (bench.shim(), False)}
    if not (reason := absent("bindfs")):
        ways["`bindfs --hide-hard-links`"] = (bare(), True)
    runs: dict[str, Callable[[], float]] = {
        name: partial(_walk, bench, entries, found, name, env, front) for name, (env, front) in ways.items()
    }
    samples = interleaved(runs, bench.scaled(7, 3), bench.scaled(110, 15))
    first = next(iter(ways))
    rows = [[name, found[name], ratio(samples, name, first)] for name in ways]
    table = Table(["way", "found", f"time, of {first.split(',')[0]}"], rows)
    return Section(
        NAME, f"A cold walk of {entries:,} entries", METHOD, [table], notes=[reason] if reason else []
    )

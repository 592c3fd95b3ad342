"""Is `nlinkshim verify`, which asks for every entry twice, as fast as a walk that asks once?"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import mounts, processes
from harness.preload import bare

from .report import Section, Table, Target
from .rounds import Samples, interleaved, ratio, timed
from .setting import Bench, absent

NAME = "verify"
METHOD = """\
Whole runs, the start of the process included, that take turns; output thrown away; medians of the rounds'
ratios, quartiles in brackets. *Fresh*: each run gets a mount and a daemon of its own, so nobody inherits
a cache. *Expired*: one mount, and each run waits until everything that the kernel cached before it (for 1
s) has expired. *ext4*: all in memory after a run that does not count. *2 ms a LOOKUP*: listings carry no
attributes, fresh for each run. *2 ms a name listed*: go-fuse's default, which looks up all that it lists
(READDIRPLUS), and takes that long for each; fresh for each run. `fdfind` only lists: it does not ask for
link counts."""

CPYTHON = """
import os, sys
def walk(path):
    count = 0
    with os.scandir(path) as entries:
        for entry in entries:
            count += os.stat(entry.path, follow_symlinks=False).st_nlink == 0
            if entry.is_dir(follow_symlinks=False):
                count += walk(entry.path)
    return count
walk(sys.argv[1])
"""
VERIFY = ["{nlinkshim}", "verify", "--plain"]  # one of the trees is on a disk
VERIFY_NAME, FIND, BFS = "`verify`", "`find -links 0`", "`bfs -links 0`"
# {tree} is the tree
WALKERS = {
    VERIFY_NAME: [*VERIFY, "{tree}"],
    FIND: ["find", "{tree}", "-links", "0"],
    BFS: ["bfs", "{tree}", "-links", "0"],
    "`fdfind`": ["fdfind", "-u", ".", "{tree}"],
    "Python": [sys.executable, "-c", CPYTHON, "{tree}"],
}
PEERS = ["bfs", "fdfind"]  # which need not be there
EXPIRY = 1.1
FANOUT = 100
SMALL_FANOUT = 25
LEAST_GAIN = 0.95  # of bfs's time


@dataclass(frozen=True)
class Tree:
    """`prepared` makes the tree ready for one run, `walkers` take part. `faster`: how many times faster than
    find verify is to be."""

    title: str
    prepared: Callable[[], AbstractContextManager[Path]]
    entries: int
    rounds: int
    seconds: float
    walkers: tuple[str, ...] = tuple(WALKERS)
    faster: float | None = None


def _command(bench: Bench, words: list[str], tree: Path) -> list[str]:
    named = {"{nlinkshim}": bench.nlinkshim, "{tree}": str(tree)}
    return [named.get(word, word) for word in words]


def _check(bench: Bench, tree: Tree) -> None:
    """verify must have seen the whole of it, or its time means nothing."""
    with tree.prepared() as path:
        command = _command(bench, [*VERIFY, "--format=json", "{tree}"], path)
        done = processes.run(command, env=bare(), timeout=120)
    (mount,) = json.loads(done.stdout)["mounts"]
    assert mount["entries"] >= tree.entries and mount["corrected"] == mount["lies"], mount


def _sampled(bench: Bench, tree: Tree) -> Samples:
    _check(bench, tree)

    def run(walker: str) -> float:
        with tree.prepared() as path:
            return timed(_command(bench, WALKERS[walker], path), bare())

    walkers = [name for name in tree.walkers if WALKERS[name][0] not in PEERS or not absent(WALKERS[name][0])]
    return interleaved({name: partial(run, name) for name in walkers}, tree.rounds, tree.seconds)


def _targets(tree: Tree, samples: Samples) -> Iterator[Target]:
    if BFS in samples:
        yield Target(f"beside bfs, {tree.title}", ratio(samples, VERIFY_NAME, BFS).median, LEAST_GAIN)
    if tree.faster is not None:
        yield Target(
            f"at least {tree.faster:g} times faster than find, {tree.title}",
            ratio(samples, FIND, VERIFY_NAME).median,
            tree.faster,
            at_least=True,
        )


def _fill(folder: Path, entries: int) -> None:
    for number in range(0, entries, FANOUT + 1):
        subfolder = folder / f"d{number}"
        subfolder.mkdir(parents=True)
        for name in range(min(FANOUT, entries - number - 1)):
            (subfolder / f"f{name}").touch()


@contextmanager
def _expired(path: Path) -> Iterator[Path]:
    time.sleep(EXPIRY)
    yield path


def _trees(bench: Bench, expiring: Path, disk: Path, many: int, more: int, slow: int) -> list[Tree]:
    def fresh(**options: object) -> Callable[[], AbstractContextManager[Path]]:
        @contextmanager
        def prepared() -> Iterator[Path]:
            with bench.mount("fresh", **{"fanout": FANOUT, **options}) as mount:
                yield mount.path

        return prepared

    def slow_listings(folders: int, faster: float, *walkers: str) -> Tree:
        entries = folders * (SMALL_FANOUT + 1)
        return Tree(
            f"go-fuse, {folders} folders of {SMALL_FANOUT}, 2 ms a name listed",
            fresh(entries=entries, fanout=SMALL_FANOUT, latency="2ms", slow_listings=True),
            entries,
            rounds,
            seconds,
            walkers,
            faster,
        )

    rounds, seconds = bench.scaled(7, 3), bench.scaled(600, 5)  # all the rounds, unless something is wrong
    return [
        Tree(f"go-fuse, {many:,} entries, fresh", fresh(entries=many), many, rounds, seconds),
        Tree(f"go-fuse, {many:,} entries, expired", lambda: _expired(expiring), many, rounds, seconds),
        Tree(f"ext4, {more:,} entries", lambda: nullcontext(disk), more, rounds, seconds),
        Tree(
            f"go-fuse, {slow:,} entries, 2 ms a LOOKUP",
            fresh(entries=slow, plus=False, latency="2ms"),
            slow,
            rounds,
            seconds,
            faster=8,
        ),
        slow_listings(40, 6, *WALKERS),
        slow_listings(bench.scaled(400, 80), 12, VERIFY_NAME, FIND, BFS),
    ]


def measure(bench: Bench) -> Section:
    many, more, slow = bench.scaled(100_000, 10_000), bench.scaled(200_000, 20_000), bench.scaled(2_000, 500)
    rows: list[list[object]] = []
    targets: list[Target] = []
    with mounts.temporary_folder("nlinkshim-bench-ext4-") as disk:
        _fill(disk, more)
        with bench.mount("expiring", entries=many, fanout=FANOUT) as expiring:
            for tree in _trees(bench, expiring.path, disk, many, more, slow):
                samples = _sampled(bench, tree)
                targets += _targets(tree, samples)
                row: list[object] = [tree.title, f"{statistics.median(samples[FIND]):.2f} s"]
                rows.append(row + [ratio(samples, name, FIND) if name in samples else "" for name in WALKERS])
    header = ["tree", "`find` took", *(f"{name}, of find's time" for name in WALKERS)]
    reasons = [reason for name in PEERS if (reason := absent(name))]
    return Section(
        NAME, "`nlinkshim verify` beside other walks", METHOD, [Table(header, rows)], targets, reasons
    )

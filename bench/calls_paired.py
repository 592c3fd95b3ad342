"""How much longer does a call take than with libc alone?"""

from __future__ import annotations

import statistics
from functools import partial

from .calls import SINGLE, Caller, EntryPoint, takes_name
from .report import Section, Table, Target
from .rounds import Samples, interleaved, ratio
from .setting import CACHED, Bench, absent

NAME = "calls"
METHOD = """\
Processes that take turns, each calling one entry point in batches of 500; a process counts with its
median batch, and a ratio is the median of the rounds' (quartiles in brackets). The honest entry lies on
ext4; the lying one on a go-fuse mount that lets the kernel cache for an hour, so that no call waits for
the daemon: the hardest case. libfaketime knows only some of the entry points."""
LIMIT = 1.05


def _sampled(
    bench: Bench, callers: dict[str, Caller], peers: list[str], batches: int, rounds: int, seconds: float
) -> Samples:
    runs = {
        f"{name} {peer}": partial(caller.nanoseconds, bench.peers[peer], batches)
        for name, caller in callers.items()
        for peer in peers
    }
    return interleaved(runs, rounds, seconds)


def measure(bench: Bench) -> Section:
    honest = bench.folder / "honest-file"
    honest.touch()
    entries = [entry for entry in SINGLE if not bench.quick or entry.name in ("stat", "fstat", "statx")]
    others = [peer for peer in bench.peers if peer not in ("bare", "shim")]
    rows, corrected, each = [], [], 80 / len(SINGLE)

    def callers(entry: EntryPoint, lying: str) -> dict[str, Caller]:
        how = "name" if takes_name(entry) else "descriptor"
        targets = {"honest": str(honest), "corrected": lying}
        return {
            name: Caller(bench, entry.name, how, bench.folder, target) for name, target in targets.items()
        }

    with bench.mount("lying", **CACHED) as mount:
        for entry in entries:
            called = callers(entry, str(mount / "movies/poster.jpg"))
            samples = _sampled(bench, called, ["bare", "shim"], 120, bench.scaled(25, 5), each)
            more = _sampled(bench, called, ["bare", *others], 10, 5, each / 2)
            shim = {name: ratio(samples, f"{name} shim", f"{name} bare") for name in called}
            corrected.append(shim["corrected"].median)
            rows.append(
                [f"`{entry.name}`"]
                + [f"{statistics.median(samples[f'{name} bare']):.0f} ns" for name in called]
                + [str(one) for one in shim.values()]
                + [
                    f"{ratio(more, f'{name} {peer}', f'{name} bare').median:.2f}"
                    for peer in others
                    for name in called
                ]
            )
    header = ["entry point", *(f"bare, {name} entry" for name in ("honest", "lying"))]
    header += [f"{peer}, {name}" for peer in ("shim", *others) for name in ("honest", "corrected")]
    return Section(
        NAME,
        "Time a call, as a multiple of bare libc's",
        METHOD,
        [Table(header, rows)],
        [
            Target(
                "at most 5 % more for a corrected call, median of the entry points",
                statistics.median(corrected),
                LIMIT,
            ),
            Target("the same, worst of them", max(corrected), LIMIT),
        ],
        [reason for peer in ("faketime", "fakeroot") if (reason := absent(peer))],
    )

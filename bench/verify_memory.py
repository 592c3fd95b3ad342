"""How much memory does `nlinkshim verify` need for a large mount?"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from pathlib import Path

from harness.preload import bare

from .report import Section, Table, Target
from .rounds import AT_LEAST
from .setting import Bench
from .verify_walk import VERIFY

NAME = "verify-memory"
METHOD = """\
The largest resident set of each process of a `nlinkshim verify` (`VmHWM`, read until it ends), added up
as if all had been at their largest at once, and with every shared page counted in each."""
LIMIT_MIB = 64
INTERVAL = 0.01


def _family(process: int) -> list[int]:
    """The process and its descendants."""
    found = [process]
    for parent in found:
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
    return found


def _high_water(process: int) -> int:
    """KiB; 0 for one that has gone."""
    with contextlib.suppress(OSError):
        if match := re.search(
            r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE
        ):
            return int(match[1])
    return 0


def peak(command: list[str], timeout: float) -> dict[int, float]:
    """MiB of each process that the command had."""
    largest: dict[int, int] = {}
    process = subprocess.Popen(command, env=bare(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    ends = time.monotonic() + timeout
    try:
        while process.poll() is None:
            for one in _family(process.pid):
                largest[one] = max(largest.get(one, 0), _high_water(one))
            if time.monotonic() > ends:
                raise TimeoutError(f"{command} took longer than {timeout} s")
            time.sleep(INTERVAL)
    finally:
        process.terminate()
        process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return {one: kib / 1024 for one, kib in largest.items()}


def measure(bench: Bench) -> Section:
    sizes = (1_000, 20_000) if bench.quick else (1_000, 100_000, 1_000_000)
    rows, total = [], 0.0
    for entries in sizes:
        totals = []
        for _ in range(AT_LEAST if entries < 1_000_000 else 1):
            with bench.mount("large", entries=entries) as mount:
                each = peak([*VERIFY, str(mount.path)], 120)
            totals.append((sum(each.values()), each))
        total, each = max(totals, key=lambda one: one[0])
        rows.append([f"{entries:,}", f"{total:.1f} MiB", " + ".join(f"{mib:.1f}" for mib in each.values())])
    target = Target(f"under {LIMIT_MIB} MiB for {sizes[-1]:,} entries; MiB", total, LIMIT_MIB)
    table = Table(["entries", "together", "each process"], rows)
    return Section(NAME, "Memory of `nlinkshim verify`", METHOD, [table], [target])

"""Whatever ends the tests, nothing of a lab stays: no process, no namespace, no mount."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.mounts import mount_lines
from harness.preload import Shim

TESTS = Path(__file__).parents[1]
PROGRAM = """
import sys, time
from pathlib import Path
from lab import lab
folder, fuse_program, shim, samba = sys.argv[1:]
with lab.running(Path(folder), Path(fuse_program), Path(shim), samba):
    print("up", flush=True)
    time.sleep(60)
"""


def parents() -> dict[int, int]:
    """Every process of this machine, and its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended
    return found


def descendants(pid: int) -> set[int]:
    by_process = parents()
    found = {pid}
    while more := {one for one, parent in by_process.items() if parent in found} - found:
        found |= more
    return found - {pid}


def network(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_stays(
    number: signal.Signals, gofuse_program: Path, folder: Path, shim: Shim, samba_release: str
):
    require("lab")
    program = [sys.executable, "-c", PROGRAM, str(folder), str(gofuse_program), str(shim.path), samba_release]
    process = subprocess.Popen(
        # a test run in the background ignores SIGINT, and what it starts would too
        ["env", "--default-signal=INT", *program],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    members: set[int] = set()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n", process.communicate()[1]
        members = descendants(process.pid)
        networks = {network(pid) for pid in members} - {network(os.getpid()), ""}
        assert len(networks) == 3, "the switch and two nodes"
        process.send_signal(number)
        process.wait(30)

        def gone() -> bool:
            left = {pid for pid in parents() if network(pid) in networks}
            return not left and not members & set(parents())

        processes.wait_until(gone, 20, "ending all that belongs to a lab")
        assert not [line for line in mount_lines() if folder in line.point.parents]
    finally:
        for pid in {process.pid, *(members & set(parents()))}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()

"""The poller of the drills finds an empty folder empty: for root and for others, each for themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import mounter, processes
from harness.capability import require

from lab import gaps

POLLER = Path(__file__).with_name("poller.py")
SENTINEL = "sentinel"
A_WHILE = 0.7  # s

Seen = Callable[[], dict[str, set[str]]]


@contextlib.contextmanager
def polling(folder: Path, log: Path) -> Iterator[Seen]:
    """Called, it ends and gives what each user saw of the folder."""
    require("root")

    def seen() -> dict[str, set[str]]:
        time.sleep(A_WHILE)
        os.killpg(poller.pid, signal.SIGTERM)
        poller.wait(10)
        rows = gaps.Table().add("gap", gaps.parse(log.read_text()))
        assert all(row.polls > 5 for row in rows), log.read_text()
        return {row.who: set(row.seen) for row in rows}

    with log.open("wb") as out:
        poller = processes.start([sys.executable, "-I", str(POLLER), SENTINEL, f"kind={folder}"], stdout=out)
        try:
            yield seen
        finally:
            if poller.poll() is None:
                os.killpg(poller.pid, signal.SIGKILL)
                poller.wait(10)


@pytest.mark.parametrize(
    "mode, entry, wanted",
    [
        (0o755, None, {"root": {"EMPTY"}, "user": {"EMPTY"}}),
        (0o755, "other", {"root": {"EMPTY but for 1"}, "user": {"EMPTY but for 1"}}),
        (0o755, SENTINEL, {"root": set(), "user": set()}),
        (0o000, None, {"root": {"EMPTY"}, "user": {"EACCES"}}),  # what a mode does without the guard
        (0o744, SENTINEL, {"root": set(), "user": {"sentinel:EACCES"}}),
    ],
)
def test_what_is_seen_of_a_folder(
    folder: Path, mode: int, entry: str | None, wanted: dict[str, set[str]]
) -> None:
    place = folder / "place"
    place.mkdir()
    if entry:
        (place / entry).touch()
    place.chmod(mode)
    with polling(place, folder / "log") as seen:
        assert seen() == wanted


@pytest.mark.parametrize("guard", ["yes", "no"])
def test_what_is_seen_while_the_guard_is_made(folder: Path, guard: str) -> None:
    """Not for a moment is it empty. Without the guard it is, to root, and the poller tells."""
    require("root")
    script = mounter.generated(folder / "generated")
    with mounter.shared_folder(folder / "shared") as shared, polling(shared / "dfs", folder / "log") as seen:
        time.sleep(A_WHILE)
        with mounter.running(script, folder, "clear", shared / "dfs", guard=guard) as clearing:
            assert clearing.process.wait(10) == 0
            assert not clearing.said("warning"), clearing.lines()
        root = {"ENOENT", "EACCES" if guard == "yes" else "EMPTY"}
        assert seen() == {"root": root, "user": {"ENOENT", "EACCES"}}

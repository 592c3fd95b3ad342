"""Threads, forks, signals and nested walks: no crash, no wrong answer."""

from __future__ import annotations

import pytest
from harness.preload import Shim, bare
from harness.probe import Probe


@pytest.mark.parametrize("scope", [None, "path"])
def test_64_threads_while_others_fork_vfork_and_exec(scope, each_probe: Probe, lying_mount, shim: Shim):
    env = shim(scope=lying_mount.path if scope else None)
    words = ["threads=64", "seconds=2.5", "want=1", "storm-threads", lying_mount / "readme.txt"]
    result = each_probe.run(*words, env=env).storm()
    assert {key: result[key] for key in ("wrong", "failed", "bad_children", "spoiled_errno")} == {
        "wrong": 0, "failed": 0, "bad_children": 0, "spoiled_errno": 0,
    }  # fmt: skip
    assert result["calls"] > 10_000


def test_the_storm_notices_lies(the_probe: Probe, lying_mount):
    result = the_probe.run("seconds=0.2", "storm-threads", lying_mount / "readme.txt", env=bare()).storm()
    assert result["wrong"] == result["calls"]
    assert result["bad_children"] > 0


@pytest.mark.parametrize("target, count", [("readme.txt", 1), ("movies", 2)])
@pytest.mark.parametrize("timeouts", ["cached", "asked each time"])
def test_signal_handlers_on_a_small_stack(
    target, count, timeouts, each_probe: Probe, mount_gofuse, shim: Shim
):
    """A handler that stats interrupts stats, four thousand times a second, on a stack of SIGSTKSZ."""
    options = {"attr_timeout": "0s", "entry_timeout": "0s"} if timeouts != "cached" else {}
    with mount_gofuse(**options) as mount:
        words = ["seconds=2.2", f"want={count}", "storm-signals", mount / target]
        result = each_probe.run(*words, env=shim()).storm()
    assert result["interruptions"] > 500
    assert (result["wrong"], result["failed"], result["spoiled_errno"]) == (0, 0, 0)


@pytest.mark.parametrize("threads", [1, 16])
def test_nested_and_concurrent_walks(threads: int, each_probe: Probe, lying_mount, shim: Shim):
    words = [f"threads={threads}", "storm-walks", lying_mount.path]
    result = each_probe.run(*words, env=shim()).storm()
    assert (result["wrong"], result["failed"], result["missing_steps"]) == (0, 0, 0)
    assert result["calls"] > 100
    assert each_probe.run(*words, env=bare()).storm()["wrong"] > 0


def test_more_walks_within_walks_than_trampolines(each_probe: Probe, lying_mount, shim: Shim):
    """The outer ones are corrected, the innermost pass through, and afterwards all are free again."""
    words = ["storm-trampolines", lying_mount / "readme.txt"]
    for _ in range(2):
        (fields,) = [
            fields
            for kind, *fields in each_probe.run(*words, *words[:0], env=shim()).other
            if kind == "trampolines"
        ]
        value, ended_by_step, entered, corrected, left, wrong, after, wrong_after = map(int, fields)
        assert (value, ended_by_step, entered, wrong) == (1, 200, 200, 0)
        assert corrected + left == 201
        assert corrected >= 64
        assert left > 0, "there are so many trampolines that none was refused: nest deeper"
        assert (after, wrong_after) == (42, 0)


def test_trampolines_come_back(the_probe: Probe, lying_mount, shim: Shim):
    words = ["storm-trampolines", lying_mount / "readme.txt"] * 3
    rows = [fields for kind, *fields in the_probe.run(*words, env=shim()).other if kind == "trampolines"]
    assert len(rows) == 3
    assert len({tuple(row) for row in rows}) == 1


def test_a_thread_that_counts_on_the_lowest_descriptor(the_probe: Probe, lying_mount, shim: Shim):
    """close(0); open() gives 0, or another number as often as the shim revalidates: once a second."""
    seconds = 3
    words = [f"seconds={seconds}", "threads=8", "storm-descriptors", lying_mount / "readme.txt"]
    output = the_probe.run(*words, env=shim())
    result = output.storm()
    assert (result["wrong"], result["failed"]) == (0, 0)
    assert int(next(fields[0] for kind, *fields in output.other if kind == "rounds")) > 10_000
    assert result["stolen"] <= 2 * (seconds + 1)


def test_unlinks_under_the_eyes_of_others_are_no_evidence(the_probe: Probe, mount_gofuse, shim: Shim):
    """On an honest mount a look may race with the unlink; what was unlinked before still shows 0.

    The kernel keeps the name until the daemon has answered UNLINK, but asks for the count each time: so for a
    moment both the name and the descriptor show 0.
    """
    with mount_gofuse(nlink="honest", attr_timeout="0s", entry_timeout="1h") as mount:
        words = ["seconds=3", "threads=3", "storm-unlinks", mount / "empty"]
        raw = the_probe.run("seconds=0.5", *words[1:], env=bare()).storm()
        assert (raw["wrong"], raw["failed"]) == (0, 0)
        result = the_probe.run(*words, env=shim()).storm()
    assert result["rounds"] > 500
    assert (result["wrong"], result["failed"]) == (0, 0)

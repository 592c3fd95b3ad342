"""What verify prints for people."""

from pathlib import Path

from nlinkshim.verifier.report import SHOWN_PROBLEMS, as_text
from nlinkshim.verifier.verdict import MountResult, Sample, Verdict

NEEDED = MountResult(
    path="/mnt/dfs",
    verdict=Verdict.NEEDED,
    fstype="fuse.dfs",
    entries=100_001,
    lies=100_001,
    corrected=100_001,
    wrong=0,
    errors=0,
    seconds=0.75,
    cause=None,
    remedy=None,
)


def test_it_is_as_the_readme_shows_it():
    assert as_text([NEEDED]) in (Path(__file__).parents[2] / "README.md").read_text()


def test_a_line_a_mount_and_what_there_is_to_say_of_each():
    dead = NEEDED._replace(path="/mnt/b\n", verdict=Verdict.OTHER_CAUSE, cause="why", remedy="so")
    lines = as_text([NEEDED, dead]).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["MOUNT", "/mnt/dfs", "/mnt/b\\n"]
    assert lines[-3:] == [
        "/mnt/b\\n: something other than link counts is wrong.",
        "  cause:  why",
        "  remedy: so",
    ]


def test_errors_do_not_hide_behind_a_verdict_that_stands():
    assert "1,234 could not be read" in as_text([NEEDED._replace(errors=1234)])
    assert "could not be read" not in as_text([NEEDED])


def test_a_few_problems_are_shown_and_the_rest_is_pointed_to():
    right = Sample("/mnt/dfs/right", "fstatat", 0, 1, None)
    wrong = [Sample(f"/mnt/dfs/{n}\udcff", "lstat", 0, 0, "left at 0") for n in range(SHOWN_PROBLEMS + 1)]
    text = as_text([NEEDED._replace(samples=[right, *wrong])])
    assert "  /mnt/dfs/0\\xff: lstat: left at 0 (raw 0, patched 0)\n" in text
    assert text.count("left at 0") == SHOWN_PROBLEMS
    assert f"--format json lists up to {SHOWN_PROBLEMS + 1}" in text
    assert "right" not in text
    few = as_text([NEEDED._replace(samples=[right, *wrong[1:]])])
    assert few.count("left at 0") == SHOWN_PROBLEMS
    assert "more" not in few

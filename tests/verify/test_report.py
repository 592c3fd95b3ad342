"""What verify prints for people."""

from pathlib import Path

import pytest

from nlinkshim.engines.verify.judge import Facts, Judgement, Walk, result_of
from nlinkshim.engines.verify.notes import KINDS, Note
from nlinkshim.engines.verify.report import COLUMNS, SHOWN_PROBLEMS, as_text
from nlinkshim.engines.verify.result import LEFT_AT_0, Sample, Verdict
from nlinkshim.mounts.table import parse_mountinfo

pytestmark = pytest.mark.quick

(MOUNT,) = parse_mountinfo(b"30 21 0:40 / /mnt/dfs rw - fuse.dfs dfs rw,user_id=0,group_id=0,allow_other\n")
ALL = 100_001
NEEDED = result_of(
    Walk(entries=ALL, judged=ALL, lies=ALL, corrected=ALL),
    Facts("/mnt/dfs", MOUNT),
    Judgement(Verdict.NEEDED),
    0.75,
)


def test_it_is_as_the_readme_shows_it():
    assert as_text([NEEDED]) in (Path(__file__).parents[2] / "README.md").read_text()


def test_a_line_a_mount_and_what_there_is_to_say_of_each():
    dead = NEEDED._replace(
        path="/mnt/b\n", verdict=Verdict.OTHER_CAUSE, cause="why", remedy="so", command="umount \x1b"
    )
    lines = as_text([NEEDED, dead]).splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["VERDICT", "MOUNT"],
        ["needed", "/mnt/dfs"],
        ["other-cause", "/mnt/b\\n"],
    ]
    assert lines[-4:] == [
        f"/mnt/b\\n: {Verdict.OTHER_CAUSE.meaning}.",
        "  cause:   why",
        "  remedy:  so",
        "  command: umount \\x1b",
    ]


def test_columns_that_are_0_throughout_are_left_out():
    left = NEEDED._replace(verdict=Verdict.INEFFECTIVE, corrected=ALL - 7, left=7)
    heads, first, second = as_text([NEEDED, left]).splitlines()[:3]
    assert heads.split() == ["VERDICT", "MOUNT", "TYPE", "ENTRIES", "LIES", "CORRECTED", "LEFT", "SECONDS"]
    assert (first.split()[-2], second.split()[-2]) == ("0", "7")
    assert max(map(len, (heads, first, second))) <= 80


def test_what_was_counted_besides_is_told():
    assert "note" not in as_text([NEEDED])
    text = as_text(
        [
            NEEDED._replace(
                moved=1234,
                vanished=2,
                transient=1,
                mounts_below=10,
                mounts_below_paths=tuple(f"/m{n}\n" for n in range(9)),
            )
        ]
    )
    assert "note: 1,234 entries changed in other fields" in text
    assert "note: 2 entries had vanished" in text
    assert "note: 1 call failed, and worked" in text
    assert "note: not entered, other file systems: /m0\\n, /m1\\n" in text
    assert "/m7\\n and 2 more" in text


def test_a_limit_is_part_of_the_verdict():
    text = as_text([NEEDED._replace(limited=True)])
    assert f"{Verdict.NEEDED.meaning}, of the first 100,001 entries." in text


def test_a_type_cannot_write_to_the_terminal():
    assert "\x1b" not in as_text([NEEDED._replace(fstype="fuse.\x1b[2J")])


def test_what_was_changed_wrongly_comes_before_what_was_left():
    left = [Sample(f"/mnt/dfs/{n}", "lstat", 0, 0, LEFT_AT_0) for n in range(SHOWN_PROBLEMS)]
    changed = Sample("/mnt/dfs/x", "lstat", 1, 3, "became 3")
    assert "became 3" in as_text([NEEDED._replace(samples=[*left, changed])])


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


def test_a_note_fits_a_terminal():
    """Whatever the entry is called; whom it harms and the fix are there."""
    notes = [
        Note(
            kind.id,
            9_999_999,
            9_999_999,
            kind.sampled,
            kind.what,
            "modification time, size, blocks, mode, owner",
            kind.harms,
            kind.fixes,
            ("/mnt/dfs/" + "\x1b\udcff\n" * 99 + "end",),
        )
        for kind in KINDS
    ]
    lines = as_text([NEEDED._replace(notes=tuple(notes))]).splitlines()
    own = lines[next(n for n, line in enumerate(lines) if "note:" in line) :]
    assert max(map(len, own)) <= COLUMNS and "".join(own).isprintable()
    assert all(line.endswith("\\nend") for line in own if line.startswith("    as /mnt/dfs/"))
    together = " ".join(" ".join(own).split())
    assert all(kind.harms in together and kind.fix in together for kind in KINDS)

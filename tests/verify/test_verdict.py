"""What the counts of a walk mean."""

import errno
import json
import re
from importlib import resources
from pathlib import Path

import pytest

from nlinkshim.commands.verify import DESCRIPTION
from nlinkshim.engines.verify.judge import Facts, Walk, judge, result_of
from nlinkshim.engines.verify.result import Verdict
from nlinkshim.mounts.table import parse_mountinfo

pytestmark = pytest.mark.quick

LINES = rb"""21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /mnt/dfs rw - fuse.dfs dfs rw,user_id=0,group_id=0,allow_other
31 21 0:41 / /mnt/private rw - fuse.dfs dfs rw,user_id=1000,group_id=1000
32 21 0:42 / /merged rw - overlay overlay rw
33 21 0:43 / /mnt/share rw - cifs //host/share rw
34 21 0:44 / /mnt/it's\040here rw - fuse.dfs dfs rw,user_id=0,group_id=0,allow_other
"""
MOUNTS = parse_mountinfo(LINES)
BY_PATH = {mount.path: mount for mount in MOUNTS}


def facts(point: str = "/mnt/dfs", path: str | None = None, **other) -> Facts:
    return Facts(path or point, BY_PATH[point], MOUNTS, **other)


def seen(entries: int = 5, **counts) -> Walk:
    """A walk in which what is not counted otherwise was judged."""
    missing = sum(counts.get(name, 0) for name in ("errors", "unsettled", "vanished"))
    return Walk(**{"entries": entries, "judged": entries - missing, "root_real_path": "/mnt/dfs", **counts})


@pytest.mark.parametrize(
    ("walk", "verdict", "cause"),
    [
        (seen(lies=5, corrected=5), Verdict.NEEDED, None),
        (seen(), Verdict.NOT_NEEDED, "none of 5 entries"),
        (seen(limited=1), Verdict.NOT_NEEDED, "none of the first 5 entries"),
        (seen(lies=5, corrected=4, left=1), Verdict.INEFFECTIVE, "1 entry "),
        (seen(lies=5, left=5, shim_scope="/mnt/x:/mnt/dfs/"), Verdict.INEFFECTIVE, "5 entries "),
        (seen(lies=5, left=5, shim_scope="off"), Verdict.INEFFECTIVE, "inert"),
        (seen(lies=5, left=5, shim_scope="/mnt/x"), Verdict.INEFFECTIVE, "does not name"),
        (seen(lies=2, corrected=1, wrong=1), Verdict.CORRUPTING, "1 entry"),
        (seen(lies=2, corrected=1, left=1, wrong=1), Verdict.CORRUPTING, "1 entry"),
        (Walk(root_error=errno.ENOTCONN), Verdict.OTHER_CAUSE, "daemon is gone"),
        (Walk(root_error=errno.EACCES), Verdict.OTHER_CAUSE, "may not read"),
        (Walk(root_error=errno.EPERM), Verdict.OTHER_CAUSE, "may not read"),
        (Walk(root_error=errno.ESTALE), Verdict.OTHER_CAUSE, "is stale"),
        (Walk(root_error=errno.EIO), Verdict.OTHER_CAUSE, "Input/output error"),
        (seen(dead_error=errno.ECONNABORTED), Verdict.OTHER_CAUSE, "daemon is gone"),
        (seen(hung_at="/mnt/dfs/x"), Verdict.INCOMPLETE, "/mnt/dfs/x"),
        (seen(crashed="SIGSEGV"), Verdict.INCOMPLETE, "SIGSEGV"),
        (seen(interrupted=True), Verdict.INCOMPLETE, "interrupted"),
        (seen(errors=1, unread={"EACCES": 1}), Verdict.INCOMPLETE, "1 entry could not be read (EACCES 1)"),
        (seen(unsettled=2), Verdict.INCOMPLETE, "2 entries changed count or type"),
        (Walk(entries=0), Verdict.INCOMPLETE, "no entry could be judged"),
        (
            seen(9, vanished=8, ghosts=7),
            Verdict.INCOMPLETE,
            "8 entries had vanished when it was their turn, 7",
        ),
        (seen(9, vanished=8), Verdict.INCOMPLETE, "8 entries had vanished"),
        (seen(9, vanished=4), Verdict.NOT_NEEDED, "none of 5 entries"),
        (seen(9, lies=1, corrected=1, vanished=8), Verdict.NEEDED, "8 entries had vanished"),
        (seen(endless=1), Verdict.INCOMPLETE, "1 listing goes round without end"),
        (seen(lies=5, corrected=5, endless=2), Verdict.NEEDED, "2 listings go round without end"),
        # lies that were corrected prove the need, whatever could not be read: but it is told
        (seen(lies=4, corrected=4, errors=1, unread={"EIO": 1}), Verdict.NEEDED, "EIO 1"),
        (seen(lies=4, corrected=4, unsettled=1), Verdict.NEEDED, "1 entry changed"),
        # what was seen to be wrong outweighs how the walk ended
        (seen(lies=4, corrected=3, left=1, hung_at="/x"), Verdict.INEFFECTIVE, "1 entry"),
        (seen(wrong=1, root_error=errno.EIO), Verdict.CORRUPTING, "1 entry"),
    ],
)
def test_verdicts(walk, verdict, cause):
    found = judge(walk, facts())
    assert found.verdict is verdict
    assert (found.cause is None) if cause is None else cause in found.cause
    assert found.remedy or verdict is Verdict.NEEDED or walk.interrupted


def test_what_could_not_be_judged_is_in_the_exit_code_too():
    whole, part = seen(lies=5, corrected=5), seen(lies=4, corrected=4, errors=1)
    codes = [result_of(w, facts(), judge(w, facts()), 1.0).exit_code for w in (whole, part)]
    assert codes == [0, 3]


@pytest.mark.parametrize(
    ("point", "path", "plain", "verdict", "cause"),
    [
        ("/", "/x", False, Verdict.OTHER_CAUSE, "nothing is mounted at /x: it is a folder of ext4 at /"),
        ("/", "/x", True, Verdict.NOT_NEEDED, "none of 5"),
        ("/", "/", False, Verdict.INCOMPLETE, "counts here prove nothing"),
        ("/mnt/share", "/mnt/share", False, Verdict.INCOMPLETE, "counts here prove nothing"),
        ("/mnt/share", "/mnt/share/x", True, Verdict.INCOMPLETE, "counts here prove nothing"),
        ("/merged", "/merged", False, Verdict.INCOMPLETE, "counts here prove nothing"),
        ("/mnt/dfs", "/mnt/dfs/folder", False, Verdict.NOT_NEEDED, "none of 5"),
    ],
)  # fmt: skip
def test_true_counts_where_no_fuse_is_mounted_prove_nothing(point, path, plain, verdict, cause):
    found = judge(seen(root_real_path=path), facts(point, path, plain=plain))
    assert found.verdict is verdict
    assert cause in found.cause
    assert ("retired" in found.remedy) == (point == "/mnt/dfs")
    assert found.command is None


def test_a_scope_that_names_the_mount_makes_its_counts_count():
    assert judge(seen(shim_scope="/merged"), facts("/merged")).verdict is Verdict.NOT_NEEDED


def test_mounts_below_are_to_be_verified_too_and_nothing_is_retired():
    walk = seen(mounts_below=2, mounts_below_paths=("a b", "x;y"))
    found = judge(walk, facts("/mnt/it's here"))
    assert found.verdict is Verdict.NOT_NEEDED
    assert "retired" not in found.remedy
    assert found.command == """nlinkshim verify -- '/mnt/it'"'"'s here/a b' '/mnt/it'"'"'s here/x;y'"""


def test_of_the_mounts_below_only_those_that_may_lie_are_to_be_verified():
    lines = (
        LINES + b"40 21 0:50 / /proc rw - proc proc rw\n41 21 8:2 / /srv/a\\040disk rw - xfs /dev/sdb rw\n"
    )
    lines += b"42 21 0:51 / /run rw - tmpfs none rw\n43 42 0:52 / /run/a/dfs rw - fuse.dfs dfs rw\n"
    mounts = parse_mountinfo(lines)
    names = ("proc", "mnt/dfs", "srv/a disk", "merged", "run")
    for below, command in ((names, "nlinkshim verify -- /mnt/dfs /merged /run"), (names[:3:2], None)):
        walk = seen(root_real_path="/", mounts_below=len(below), mounts_below_paths=below)
        found = judge(walk, Facts("/", mounts[0], mounts))
        assert (found.verdict, found.command) == (Verdict.INCOMPLETE, command)
        assert ("start the FUSE server" in found.remedy) == (command is None)


@pytest.mark.parametrize(
    ("real_path", "excluding", "retired"),
    [("/mnt/dfs", False, True), ("/mnt/dfs/folder", False, False), ("/mnt/dfs", True, False)],
)
def test_only_a_mount_that_was_walked_as_a_whole_can_do_without_the_shim(real_path, excluding, retired):
    found = judge(seen(root_real_path=real_path), facts(path=real_path, excluding=excluding))
    assert found.verdict is Verdict.NOT_NEEDED
    assert ("can be retired" in found.remedy) == retired
    assert ("verify all of it" in found.remedy and "/mnt/dfs" in found.remedy) != retired


@pytest.mark.parametrize("counts", [{}, {"limited": 1}, {"vanished": 1, "ghosts": 1}])
@pytest.mark.parametrize("point", ["/", None])
def test_nothing_is_retired_for_a_plain_folder(point, counts):
    mount = BY_PATH[point] if point else None
    found = judge(seen(root_real_path="/x", **counts), Facts("/x", mount, MOUNTS, plain=True))
    assert found.verdict is Verdict.NOT_NEEDED
    assert "retired" not in found.remedy and "folder" in found.remedy


def test_a_mount_that_the_list_does_not_have_is_not_guessed():
    unlisted = Facts("/x", None, MOUNTS)
    found = judge(seen(root_real_path="/x"), unlisted)
    assert (found.verdict, found.command) == (Verdict.INCOMPLETE, None)
    assert "/x: what is mounted there is not known" in found.cause and "--plain" in found.remedy
    left = judge(seen(root_real_path="/x", lies=5, left=5), unlisted)
    assert left.verdict is Verdict.INCOMPLETE
    assert "is not known" in left.cause and "NLINKSHIM_SCOPE" not in left.remedy


def test_a_plain_folder_that_is_meant_does_not_lie():
    plain = Facts("/x", None, MOUNTS, plain=True)
    assert judge(seen(root_real_path="/x"), plain).verdict is Verdict.NOT_NEEDED
    assert judge(seen(root_real_path="/x", lies=5, left=5), plain).verdict is Verdict.INCOMPLETE


def test_remedies_name_the_mount_that_was_judged_and_nothing_else():
    dead = Walk(root_error=errno.ENOTCONN)
    assert judge(dead, facts("/mnt/it's here")).command.endswith(""" '/mnt/it'"'"'s here'""")
    for point in ("/", "/merged", "/mnt/share"):
        assert judge(dead, facts(point)).command is None
        assert judge(seen(hung_at="/x"), facts(point)).command is None


def test_a_missing_allow_other_is_named_only_for_another_user():
    walk = Walk(root_error=errno.EACCES)
    assert "allow_other" in judge(walk, facts("/mnt/private", user=0)).cause
    assert "allow_other" not in judge(walk, facts("/mnt/private", user=1000)).cause


def test_root_is_not_told_to_be_root():
    walk = seen(errors=1, unread={"EACCES": 1}, first_error=errno.EACCES)
    assert "as root" in judge(walk, facts(user=1000)).remedy
    assert "as root" not in judge(walk, facts(user=0)).remedy
    broken = seen(errors=1, unread={"EIO": 1}, first_error=errno.EIO)
    assert "as root" not in judge(broken, facts(user=1000)).remedy


def test_a_file_system_that_is_not_fuse_needs_a_path_scope():
    found = judge(Walk(entries=1, judged=1, lies=1, left=1), facts("/merged"))
    assert "overlay" in found.cause
    assert "NLINKSHIM_SCOPE=/merged" in found.remedy


def test_every_verdict_has_an_exit_code():
    assert {verdict.value: int(verdict.exit_code) for verdict in Verdict} == {
        "needed": 0,
        "not-needed": 0,
        "ineffective": 1,
        "corrupting": 1,
        "other-cause": 3,
        "incomplete": 3,
    }


def test_the_rows_are_what_help_readme_and_schema_say():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \| (\d) \|$", readme, re.MULTILINE)
    assert rows == [(verdict.value, verdict.meaning, str(int(verdict.exit_code))) for verdict in Verdict]
    schema = json.loads(resources.files("nlinkshim").joinpath("output/schema/verify-1.json").read_text())
    mount = schema["properties"]["mounts"]["items"]["properties"]
    assert mount["verdict"]["enum"] == [verdict.value for verdict in Verdict]
    for verdict in Verdict:
        assert f"  {verdict.value:12} {verdict.meaning} ({int(verdict.exit_code)})\n" in DESCRIPTION

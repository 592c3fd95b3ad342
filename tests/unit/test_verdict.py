"""What the counts of a walk mean."""

import errno

import pytest

from nlinkshim.verifier.verdict import MountFacts, Verdict, Walk, judge

FUSE = MountFacts(fstype="fuse.dfs", mount_point="/mnt/dfs", is_fuse=True, allow_other=True, owner=0)


@pytest.mark.parametrize(
    ("walk", "verdict", "cause"),
    [
        (Walk(entries=5, lies=5, corrected=5), Verdict.NEEDED, None),
        (Walk(entries=5), Verdict.NOT_NEEDED, "no entry"),
        (Walk(entries=5, limited=1), Verdict.NOT_NEEDED, "none of the first 5 entries"),
        (Walk(entries=5, lies=5, corrected=4, wrong=1), Verdict.INEFFECTIVE, "1 entry "),
        (Walk(entries=5, lies=5, wrong=5, shim_scope="/mnt/x:/mnt/dfs/"), Verdict.INEFFECTIVE, "5 entries "),
        (Walk(entries=5, lies=5, wrong=5, shim_scope="off"), Verdict.INEFFECTIVE, "inert"),
        (Walk(entries=5, lies=5, wrong=5, shim_scope="/mnt/x"), Verdict.INEFFECTIVE, "does not name"),
        (Walk(entries=5, lies=2, corrected=1, wrong=1, corrupted=1), Verdict.CORRUPTING, "1 entry"),
        (Walk(root_error=errno.ENOTCONN), Verdict.OTHER_CAUSE, "daemon is gone"),
        (Walk(root_error=errno.EACCES), Verdict.OTHER_CAUSE, "may not read"),
        (Walk(root_error=errno.EPERM), Verdict.OTHER_CAUSE, "may not read"),
        (Walk(root_error=errno.ESTALE), Verdict.OTHER_CAUSE, "is stale"),
        (Walk(root_error=errno.EIO), Verdict.OTHER_CAUSE, "Input/output error"),
        (Walk(entries=5, dead_error=errno.ECONNABORTED), Verdict.OTHER_CAUSE, "daemon is gone"),
        (Walk(entries=5, hung_at="/mnt/dfs/x"), Verdict.INCOMPLETE, "/mnt/dfs/x"),
        (Walk(entries=5, crashed="SIGSEGV"), Verdict.INCOMPLETE, "SIGSEGV"),
        (Walk(entries=5, interrupted=True), Verdict.INCOMPLETE, "interrupted"),
        (Walk(entries=5, errors=1, first_error=errno.EACCES), Verdict.INCOMPLETE, "could not be read"),
        # lies that were corrected prove the need, whatever could not be read
        (Walk(entries=5, lies=4, corrected=4, errors=1, first_error=errno.EIO), Verdict.NEEDED, None),
        # what was seen to be wrong outweighs how the walk ended
        (Walk(entries=5, lies=4, corrected=3, wrong=1, hung_at="/x"), Verdict.INEFFECTIVE, "1 entry"),
    ],
)
def test_verdicts(walk, verdict, cause):
    found, why, remedy = judge(walk, "/mnt/dfs", FUSE, user=0, timeout=30)
    assert found is verdict
    assert (why is None) if cause is None else cause in why
    assert remedy or verdict is Verdict.NEEDED or walk.interrupted


def test_a_missing_allow_other_is_named_only_for_another_user():
    facts = MountFacts(fstype="fuse", mount_point="/m", is_fuse=True, allow_other=False, owner=1000)
    walk = Walk(root_error=errno.EACCES)
    assert "allow_other" in judge(walk, "/m", facts, user=0, timeout=1)[1]
    assert "allow_other" not in judge(walk, "/m", facts, user=1000, timeout=1)[1]


def test_a_file_system_that_is_not_fuse_needs_a_path_scope():
    facts = MountFacts(fstype="overlay", mount_point="/merged")
    _, cause, remedy = judge(Walk(entries=1, lies=1, wrong=1), "/merged", facts, user=0, timeout=1)
    assert "overlay" in cause
    assert "NLINKSHIM_SCOPE=/merged" in remedy


def test_every_verdict_has_an_exit_code():
    assert {verdict.value: int(verdict.exit_code) for verdict in Verdict} == {
        "needed": 0,
        "not-needed": 0,
        "ineffective": 1,
        "corrupting": 1,
        "other-cause": 3,
        "incomplete": 3,
    }

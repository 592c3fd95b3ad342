"""Where PATH leads: to a mount, a folder of one, to mounts below it, to a disk, to nothing."""

from __future__ import annotations

import contextlib
import os
import re

import pytest
from harness import mounts
from harness.capability import require
from harness.cli import nlinkshim, one_clear_line
from hostiles import Tree
from told import SKIPPED

TREE = Tree()


@pytest.fixture
def parent(hostile, folder):
    """An honest FUSE mount; what stands below it is mounted on its folders."""
    with hostile(at=folder / "parent") as mount:
        yield mount


@pytest.mark.parametrize("count", [1, 2])
def test_lying_mounts_below_an_honest_mount_are_named(hostile, look, parent, count: int):
    with contextlib.ExitStack() as stack:
        below = [
            stack.enter_context(hostile("nlink=0", at=parent / f"d{number:05}")) for number in range(count)
        ]
        told = look(parent.path)
        names = [str(mount.path) for mount in below]
    assert told.verdict in {"not-needed", "incomplete"}
    assert told.lies == (0, 0, 0)
    assert told.says(count, SKIPPED) or all(name in told.text for name in names), told.everything
    assert count in told.counts(SKIPPED)
    for name in names:
        assert name in told.text
        assert name in str(told.mount)


def test_a_bind_mount_of_a_liar_below_an_honest_mount_is_named(hostile, look, parent, folder):
    with (
        hostile("nlink=0", at=folder / "liar") as liar,
        mounts.bound(liar / "d00001", parent / "d00002") as bound,
    ):
        told = look(parent.path)
    assert str(bound) in told.text
    assert str(bound) in str(told.mount)
    assert told.lies == (0, 0, 0)


def test_an_honest_mount_below_a_liar_is_named_too(hostile, look, folder):
    with (
        hostile("nlink=0", at=folder / "liar") as liar,
        hostile(at=liar / "d00003") as below,
    ):
        told = look(liar.path)
    assert told.verdict == "needed"
    assert told.mount["lies"] == told.mount["corrected"]
    assert str(below.path) in told.text


def test_mounts_below_are_named_where_path_is_a_symlink(hostile, look, parent, folder):
    """By the path as it was given or by the mount point: both lead there."""
    (folder / "link").symlink_to(parent.path)
    with hostile("nlink=0", at=parent / "d00001") as below:
        told = look(folder / "link")
    assert {str(below.path), str(folder / "link/d00001")} & set(re.findall(r"/[^\s,;:]+", told.text))


def test_a_mount_below_that_is_excluded_is_the_users_own_wish(hostile, look, parent):
    with hostile("nlink=0", at=parent / "d00001"):
        told = look(parent.path, "--exclude", "d00001")
    assert told.verdict == "not-needed"
    assert told.lies == (0, 0, 0)


def test_across_mounts_the_lie_is_named_with_its_mount(hostile, look, parent):
    with hostile("nlink=0", at=parent / "d00001") as below:
        told = look(parent.path, "--no-one-file-system")
    (inner,) = told.below
    assert (told.outcome, inner["verdict"]) == (("not-needed", 0), "needed")
    assert inner["lies"] == inner["corrected"] == inner["entries"] == len(TREE)
    assert told.mount["entries"] == len(TREE) - 26  # the folder that is mounted on is not seen
    assert told.lies == (0, 0, 0)
    assert inner["path"] == str(below.path)
    assert not told.retires


def test_across_mounts_from_a_folder_of_the_disk(hostile, look, folder):
    """`--plain` says that the folder is meant. The liar's type is told, not the disk's alone."""
    (folder / "tree").mkdir()
    with hostile("nlink=0", at=folder / "tree/liar") as below:
        told = look(folder / "tree", "--plain", "--no-one-file-system")
    (inner,) = told.below
    assert (inner["verdict"], inner["fstype"], inner["path"]) == ("needed", "fuse.hostile", str(below.path))
    assert inner["lies"] == inner["corrected"] == len(TREE)
    assert told.lies == (0, 0, 0)
    assert "fuse.hostile" in told.text


@pytest.mark.parametrize("deep", [False, True])
def test_a_folder_of_the_disk_with_a_liar_below(hostile, look, folder, deep: bool):
    """Not `the shim can be retired`, whatever else: the mount is one folder further down."""
    (folder / "tree").mkdir()
    with hostile("nlink=0", at=folder / ("tree/a/b/liar" if deep else "tree/liar")) as below:
        told = look(folder / "tree")
    assert told.code == 3
    assert told.verdict == "other-cause" or not _scoped(folder)
    assert not told.retires
    assert str(below.path) in told.text


def test_a_plain_folder_with_a_liar_below(hostile, look, folder):
    (folder / "tree").mkdir()
    with hostile("nlink=0", at=folder / "tree/liar") as below:
        told = look(folder / "tree", "--plain")
    assert told.code == (0 if _scoped(folder) else 3)
    assert str(below.path) in told.text


def _above(path) -> mounts.MountLine:
    """The mount that a folder of the disk lies on."""
    return next(line for parent in path.parents if (line := mounts.topmost(parent)))


def _scoped(folder) -> bool:
    """Whether the disk may be judged at all: on an overlay (a container's /) counts prove nothing."""
    return _above(folder).fstype not in {"overlay", "nfs", "nfs4", "cifs"}


def _of_the_disk(told, path) -> None:
    mount = _above(path)
    assert told.outcome in {("other-cause", 3), ("other-cause" if _scoped(path) else "incomplete", 3)}
    assert told.text_code == 3
    assert "mounted" in told.mount["cause"]
    assert str(path) in told.mount["cause"]
    assert mount.fstype in told.mount["cause"]
    assert not told.retires
    assert "umount" not in told.everything
    assert "fusermount" not in told.everything


def test_a_folder_where_the_mount_should_be(look, folder):
    (folder / "dfs").mkdir()
    (folder / "dfs/file").touch()
    _of_the_disk(look(folder / "dfs"), folder / "dfs")


def test_a_mount_that_was_just_unmounted(hostile, look, folder):
    with hostile("nlink=0") as mount:
        assert look(mount.path).verdict == "needed"
        mount.unmount()
        _of_the_disk(look(mount.path), mount.path)


def test_a_symlink_to_a_folder_where_the_mount_should_be(look, folder):
    (folder / "dfs").mkdir()
    (folder / "link").symlink_to("dfs")
    told = look(folder / "link")
    assert told.code == 3
    assert told.verdict == "other-cause" or not _scoped(folder)
    assert not told.retires


def test_a_folder_that_is_meant(look, folder):
    (folder / "file").touch()
    told = look(folder, "--plain")
    assert told.outcome == (("not-needed", 0) if _scoped(folder) else ("incomplete", 3))
    assert told.mount["entries"] == 2


def test_plain_does_no_harm_to_a_mount(hostile, look):
    with hostile("nlink=0") as mount:
        told = look(mount.path, "--plain")
    assert told.outcome == ("needed", 0)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("fstype", ["tmpfs", "overlay"])
def test_a_type_outside_the_scope_proves_nothing(look, folder, fstype: str, inside: bool):
    """The mount itself is `incomplete`; a folder of it may as well be `nothing is mounted`: both are 3."""
    require("root", "overlay")
    for name in ("lower/sub", "upper", "work", "there"):
        (folder / name).mkdir(parents=True)
    data = f"lowerdir={folder}/lower:{folder}/upper" if fstype == "overlay" else None
    with mounts.mounted(fstype, folder / "there", fstype, 0, data):
        (folder / "there/sub").mkdir(exist_ok=True)
        told = look(folder / "there/sub" if inside else folder / "there")
    assert told.code == 3
    assert told.verdict in ({"incomplete", "other-cause"} if inside or fstype == "tmpfs" else {"incomplete"})
    assert fstype in told.mount["fstype"] + (told.mount["cause"] or "")
    assert not told.retires


def test_a_liar_hidden_by_a_disk_is_not_what_is_seen(hostile, look):
    with hostile("nlink=0") as mount, mounts.mounted("none", mount.path, "tmpfs"):
        told = look(mount.path)
    assert told.code == 3
    assert told.lies == (0, 0, 0)
    assert not told.retires


@pytest.mark.parametrize(
    "spelling",
    [
        "{mount}/d00000",
        "{mount}/d00000/",
        "{mount}/../hostile/d00000/../d00000",
        "{folder}/link",
        "d00000",
        ".",
    ],
)
def test_a_folder_of_a_mount_is_a_part_of_it(hostile, folder, look, monkeypatch, spelling: str):
    with hostile("nlink=0") as mount:
        (folder / "link").symlink_to(mount / "d00000")
        (folder / "chdir").symlink_to(mount.path)
        monkeypatch.chdir(mount.path if spelling != "." else mount / "d00000")
        try:
            told = look(spelling.format(mount=mount.path, folder=folder))
        finally:
            os.chdir("/")
    assert told.outcome == ("needed", 0)
    assert told.mount["fstype"] == "fuse.hostile"
    assert told.lies == (26, 26, 0)


@pytest.mark.parametrize("kind", ["dangling", "circle", "file", "link to a file", "file of a mount", "fifo"])
def test_what_is_no_folder_is_one_clear_line(hostile, folder, kind: str):
    """Usage, 2; or not completed, 3. Never a report, never a traceback, never a wait for a writer."""
    path = folder / "path"
    with hostile() as mount:
        {
            "dangling": lambda: path.symlink_to("nowhere"),
            "circle": lambda: path.symlink_to("path"),
            "file": path.touch,
            "link to a file": lambda: path.symlink_to(mount / "d00000/f0003"),
            "file of a mount": lambda: None,
            "fifo": lambda: os.mkfifo(path),
        }[kind]()
        outcome = nlinkshim(
            "verify", mount / "d00001/f0000" if kind == "file of a mount" else path, timeout=10
        )
    assert outcome.code in {2, 3}
    assert one_clear_line(outcome) or (outcome.code == 3 and "can be retired" not in outcome.out)

"""Fields that move hide no lie and invent none: link count and type are judged by themselves."""

from __future__ import annotations

import pytest
from hostiles import Tree
from told import MOVED

TREE = Tree()
FIELDS = [
    "atime=now",
    "mtime=now",
    "ctime=now",
    "mtime=flip",
    "size=grow",
    "size=flip",
    "blocks=random",
    "blksize=random",
    "ino=random",
    "mode=flip",
    "uid=flip",
    "gid=flip",
    "mtime=now,size=grow,ino=random,uid=flip,blocks=random",
]


@pytest.mark.parametrize(
    ("field", "keep"), [*((field, 0) for field in FIELDS), *((field, 1000) for field in FIELDS[1::4])]
)
def test_a_lie_is_a_lie_whatever_else_moves(hostile, look, field: str, keep: int):
    with hostile("nlink=0", field, keep=keep) as mount:
        told = look(mount.path, text=False)
    assert told.outcome == ("needed", 0)
    assert told.lies == (len(TREE), len(TREE), 0)
    assert not told.retires
    assert not told.accuses


@pytest.mark.parametrize("field", FIELDS)
def test_the_truth_stays_the_truth_whatever_else_moves(hostile, look, field: str):
    with hostile(field, keep=0) as mount:
        told = look(mount.path, text=False)
    assert told.outcome == ("not-needed", 0)
    assert told.lies == (0, 0, 0)
    assert told.mount["entries"] == len(TREE)


@pytest.mark.parametrize("field", ["mtime=now", "size=grow", "ino=random"])
@pytest.mark.parametrize("count", ["nlink=0", "nlink=2"])
def test_how_many_moved_is_told(hostile, look, field: str, count: str):
    """Every answer differs from the one before it, so no entry can be seen at rest."""
    movers = len(TREE.chosen(each=5))
    with hostile(count, f"each=5,{field}", keep=0) as mount:
        told = look(mount.path)
    assert told.says(movers, MOVED), told.everything


def test_some_lie_and_move_among_honest_ones(hostile, look):
    liars = len(TREE.chosen("file", "link", each=7))
    with hostile("files,links,each=7,nlink=0,mtime=now,size=grow", keep=0) as mount:
        told = look(mount.path)
    assert told.outcome == ("needed", 0)
    assert told.lies == (liars, liars, 0)


def test_some_lie_while_the_others_move(hostile, look):
    liars = len(TREE.chosen("folder"))
    with hostile("folders,nlink=0", "files,links,ctime=now", keep=0) as mount:
        told = look(mount.path)
    assert told.outcome == ("needed", 0)
    assert told.lies == (liars, liars, 0)


def test_one_lie_in_a_tree_that_moves(hostile, look):
    (liar,) = [entry for entry in TREE if entry.path == "d00002/f0013"]
    with hostile("mtime=now", f"only={liar.number},nlink=0", keep=0) as mount:
        told = look(mount.path)
        assert {sample["path"] for sample in told.mount["samples"]} == {str(mount / liar.path)}
    assert told.outcome == ("needed", 0)
    assert told.lies == (1, 1, 0)


def test_zeros_as_first_looked_up_that_move_too(hostile, look):
    """Cold alone; the root is never looked up."""
    with hostile("lookup,nlink=0", "mtime=now", keep=60_000) as mount:
        told = look(mount.path)
    assert told.outcome == ("needed", 0)
    assert told.lies == (len(TREE) - 1, len(TREE) - 1, 0)


def test_zeros_only_afresh_that_move_too(hostile, look):
    with hostile("getattr,nlink=0", "mtime=now,uid=flip", keep=60_000) as mount:
        told = look(mount.path, "--thorough")
    assert told.outcome == ("needed", 0)
    assert told.lies == (len(TREE), len(TREE), 0)


@pytest.mark.parametrize("field", ["nlink=flip", "nlink=flip,mtime=now"])
def test_counts_that_lie_now_and_then(hostile, look, field: str):
    """0 or the truth by the dice. Every 0 that libc showed was corrected, so the shim is needed and right.
    Whether an entry whose count moves was wholly judged is left open, and so is 0 or 3."""
    with hostile(field, keep=0) as mount:
        told = look(mount.path)
    assert told.outcome in {("needed", 0), ("needed", 3)}
    assert told.mount["lies"] == told.mount["corrected"] > len(TREE) // 8
    assert told.mount["wrong"] == 0
    assert not told.retires
    assert not told.accuses


def test_true_counts_that_move_are_no_lies(hostile, look):
    """A hard link that comes and goes: 1 or 2. There is no lie; whether all was judged is left open."""
    with hostile("files,nlink=rise", keep=0) as mount:
        told = look(mount.path)
    assert told.outcome in {("not-needed", 0), ("incomplete", 3)}
    assert told.lies == (0, 0, 0)
    assert not told.accuses


@pytest.mark.parametrize("field", ["mtime=now", "size=grow,ino=random"])
def test_a_shim_that_does_nothing_is_ineffective_where_fields_move(hostile, look, field: str):
    with hostile("nlink=0", field, keep=0) as mount:
        told = look(mount.path, "--scope", "off")
    assert told.outcome == ("ineffective", 1)
    assert told.lies == (len(TREE), 0, len(TREE))
    assert str(mount.path) in told.problems


def test_a_folder_that_turns_into_a_file_and_back(hostile, look):
    """Its type is the mount's own trouble, and is not the shim's; its children cannot all be reached."""
    with hostile("nlink=0", "folders,each=2,type=flip", keep=0) as mount:
        told = look(mount.path)
    assert told.outcome in {("needed", 0), ("needed", 3)}
    assert told.mount["wrong"] == 0
    assert not told.accuses


def test_every_entry_point_where_fields_move(hostile, look):
    with hostile("nlink=0", "atime=now,size=grow", keep=0) as mount:
        told = look(mount.path, "--every-entry-point", "--thorough")
    assert told.outcome == ("needed", 0)
    assert told.lies == (len(TREE), len(TREE), 0)

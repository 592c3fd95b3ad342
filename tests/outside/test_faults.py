"""An honest mount with faults of its own, and a lying one: the shim is innocent, and is not accused.

A tree that fails or moves by the dice will now and then fail just where libc is asked and not where the
kernel is. So a conviction has to repeat, with raw controls around it that never do the same.
"""

from __future__ import annotations

import errno

import pytest
from hostiles import Tree

TREE = Tree(folders=10, files=199)
SMALL = Tree()
ERRORS = [errno.EIO, errno.EINTR, errno.EBUSY, errno.EAGAIN, errno.ENOMEM, errno.ETIMEDOUT, errno.ENOENT]


def _innocent(told, *verdicts: str) -> None:
    """One of these verdicts, with the exit code that its errors make of it."""
    assert told.verdict in verdicts, told.everything
    assert told.mount["wrong"] == 0
    assert not told.accuses
    assert not told.problems
    assert told.mount["lies"] == told.mount["corrected"]
    if told.mount["errors"]:
        assert told.code == 3
        assert not told.retires
    else:
        assert told.code in {0, 3}


@pytest.mark.parametrize(
    ("nlink", "error"),
    [*(("nlink=2", error) for error in ERRORS), ("nlink=0", errno.EIO), ("nlink=0", errno.EINTR)],
)
def test_one_answer_in_two_hundred_fails(hostile, look, nlink: str, error: int):
    with hostile(nlink, f"children,chance=200,errno={error}", keep=0, tree=TREE) as mount:
        told = look(mount.path, text=False)
    _innocent(told, *(["needed"] if nlink == "nlink=0" else ["not-needed", "incomplete"]))


def test_one_answer_in_two_hundred_fails_to_every_entry_point(hostile, look):
    with hostile("children,chance=200,errno=5", keep=0, tree=SMALL) as mount:
        told = look(mount.path, "--every-entry-point", text=False)
    _innocent(told, "not-needed", "incomplete")


@pytest.mark.parametrize("error", [errno.EIO, errno.EINTR], ids=errno.errorcode.get)
def test_faults_where_everything_is_compared(hostile, look, error: int):
    with hostile("nlink=0", f"children,chance=500,errno={error}", keep=0, tree=SMALL) as mount:
        told = look(mount.path, "--every-entry-point", "--thorough")
    _innocent(told, "needed")


@pytest.mark.parametrize(
    "moves",
    [
        "mtime=flip",
        "size=flip,mtime=flip,ino=flip",
        "uid=flip,gid=flip,mode=flip",
        "size=flip,mtime=flip,ino=flip,nlink=rise",
    ],
)
@pytest.mark.parametrize("who", ["files,links", "files,only=33"])
def test_two_replicas_in_turns(hostile, look, moves: str, who: str):
    """Each request is answered by one of two servers that differ: all files, or one often looked at."""
    often = ["--every-entry-point", "--thorough"] if "only" in who else []
    with hostile(f"{who},{moves}", keep=0) as mount:
        told = look(mount.path, *often, text=False)
    _innocent(told, "not-needed", "incomplete")
    assert told.mount["lies"] == 0


def test_two_replicas_of_a_liar(hostile, look):
    with hostile("nlink=0", "size=flip,mtime=flip,ino=flip", "children,chance=300,errno=5", keep=0) as mount:
        told = look(mount.path)
    _innocent(told, "needed")


def test_one_replica_lies(hostile, look):
    """The other does not, and they differ in all else too."""
    with hostile("children,chance=2,nlink=0,size=flip,mtime=flip", keep=0) as mount:
        told = look(mount.path)
    _innocent(told, "needed")
    assert told.mount["lies"] > len(SMALL) // 8


@pytest.mark.parametrize("nlink", ["nlink=0", "nlink=2"])
@pytest.mark.parametrize("who", ["files,each=3", "folders,each=2", "files,only=33"])
def test_files_turn_into_folders_and_back(hostile, look, nlink: str, who: str):
    """Replaced every few milliseconds: the kernel itself answers EIO for such an inode now and then."""
    often = ["--every-entry-point", "--thorough"] if "only" in who else []
    with hostile(nlink, f"{who},type=flip", keep=2) as mount:
        told = look(mount.path, *often, text=False)
    _innocent(told, *(["needed"] if nlink == "nlink=0" else ["not-needed", "incomplete"]))


def test_slow_answers_are_answers(hostile, look):
    with hostile("nlink=0", "chance=80,slow=120", keep=0) as mount:
        told = look(mount.path, "--timeout", "2", text=False)
    assert told.outcome == ("needed", 0)
    assert told.lies == (len(SMALL), len(SMALL), 0)


def test_entries_that_come_and_go(hostile, look):
    """Each is now and then not there: ENOENT is what a raw call gets as well."""
    with hostile("files,links,chance=60,errno=2", keep=0) as mount:
        told = look(mount.path, text=False)
    _innocent(told, "not-needed", "incomplete")
    assert told.mount["errors"] == 0

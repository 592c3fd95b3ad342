"""What vanished, failed or was never listed is counted, and no verdict is given on what nobody saw."""

from __future__ import annotations

import errno

import pytest
from harness.cli import nlinkshim
from hostiles import Tree
from told import UNREAD, VANISHED

TREE = Tree()
CHILDREN = len(TREE) - 1
GONE = [errno.ENOENT, errno.ESTALE]
BROKEN = [
    errno.EIO,
    errno.EACCES,
    errno.ENOSYS,
    errno.EINVAL,
    errno.ENAMETOOLONG,
    errno.EREMOTEIO,
]


def _name(error: int) -> str:
    return errno.errorcode[error]


@pytest.mark.parametrize("error", GONE + BROKEN, ids=_name)
def test_a_root_whose_children_nobody_can_see(hostile, look, error: int):
    """incomplete, or other-cause where it names one (permission, a stale mount): exit 3 either way."""
    with hostile(f"children,errno={error}") as mount:
        told = look(mount.path)
    assert told.verdict in {"incomplete", "other-cause"}
    assert told.code == told.text_code == 3
    assert told.lies == (0, 0, 0)
    assert not told.retires
    assert not told.accuses


@pytest.mark.parametrize("error", GONE + BROKEN, ids=_name)
def test_files_that_nobody_can_see(hostile, look, error: int):
    """The folders are there and honest, the files, nearly all of the tree, are not."""
    files = len(TREE.chosen("file", "link"))
    with hostile(f"files,links,errno={error}") as mount:
        told = look(mount.path)
    assert told.verdict in {"incomplete", "other-cause"}
    assert told.code == 3
    assert not told.retires
    assert told.says(files, VANISHED if error in GONE else UNREAD), told.everything


@pytest.mark.parametrize("error", BROKEN, ids=_name)
def test_one_entry_that_fails_is_one_too_many_for_no_lies(hostile, look, error: int):
    with hostile(f"only=17,errno={error}") as mount:
        told = look(mount.path)
    assert told.outcome == ("incomplete", 3)
    assert told.mount["errors"] == 1
    assert not told.retires
    assert not told.accuses


@pytest.mark.parametrize("error", [e for e in BROKEN if e != errno.EACCES], ids=_name)
def test_another_user_is_no_remedy_for_what_is_no_permission(hostile, look, error: int):
    with hostile(f"files,each=3,errno={error}") as mount:
        told = look(mount.path)
    assert told.code == 3
    assert "as a user who" not in told.everything
    assert "run as root" not in told.everything


@pytest.mark.parametrize("error", GONE, ids=_name)
def test_half_vanished(hostile, look, error: int):
    """Vanishing is no error. Whether half of a tree is enough to say that it is honest is left open."""
    gone = len(TREE.chosen("file", "link", each=2))
    with hostile(f"files,links,each=2,errno={error}") as mount:
        told = look(mount.path)
    assert told.outcome in {("not-needed", 0), ("incomplete", 3)}
    assert told.mount["errors"] == 0
    assert told.says(gone, VANISHED), told.everything


def test_some_ghosts_in_a_listing(hostile, look):
    """Four names of three hundred are listed and never found: files that went while it walked."""
    tree = Tree(folders=3, files=100)
    with hostile(ghosts=1, tree=tree) as mount:
        told = look(mount.path)
    assert told.outcome == ("not-needed", 0)
    assert told.mount["errors"] == 0
    assert told.says(4, VANISHED), told.everything


def test_nothing_but_ghosts(hostile, look):
    with hostile(ghosts=60, tree=Tree(folders=0)) as mount:
        told = look(mount.path)
    assert told.outcome == ("incomplete", 3)
    assert told.says(60, VANISHED), told.everything
    assert not told.retires


def test_nothing_but_ghosts_below_a_lying_root(hostile, look):
    """The one entry that was seen lies. Whether that is `needed` or too little is left open, 3 it is."""
    with hostile("nlink=0", ghosts=60, tree=Tree(folders=0)) as mount:
        told = look(mount.path)
    assert told.verdict in {"needed", "incomplete"}
    assert told.code == 3
    assert told.lies == (1, 1, 0)


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.EINVAL], ids=_name)
@pytest.mark.parametrize("each", [2, 40])
def test_lies_all_corrected_and_something_unread(hostile, look, error: int, each: int):
    unread = len(TREE.chosen("file", "link", each=each))
    with hostile("nlink=0", f"files,links,each={each},errno={error}") as mount:
        told = look(mount.path)
    assert told.outcome == ("needed", 3)
    assert told.text_code == 3
    assert told.lies == (len(TREE) - unread, len(TREE) - unread, 0)
    assert told.mount["errors"] == unread
    assert told.says(unread, UNREAD), told.everything


@pytest.mark.parametrize(("rule", "verdict"), [("nlink=0", "needed"), ("nlink=2", "incomplete")])
@pytest.mark.parametrize("place", [0, 60])
def test_a_listing_that_breaks_off(hostile, look, rule: str, verdict: str, place: int):
    """One folder's listing fails at once, or after 60 names."""
    tree = Tree(folders=3, files=400)
    (folder,) = [entry.number for entry in tree if entry.path == "d00001"]
    with hostile(rule, f"readdir,only={folder},from={place},errno=5", tree=tree) as mount:
        told = look(mount.path)
    assert told.outcome == (verdict, 3)
    assert told.mount["errors"] == 1
    assert told.mount["entries"] == len(tree) - 400 + place
    assert not told.retires


def test_a_root_that_cannot_be_listed(hostile, look):
    with hostile("readdir,root,errno=5") as mount:
        told = look(mount.path)
    assert told.verdict in {"incomplete", "other-cause"}
    assert told.code == 3
    assert not told.retires


@pytest.mark.parametrize(("rule", "verdict"), [("nlink=0", "needed"), ("nlink=2", "not-needed")])
def test_names_that_are_listed_twice(hostile, look, rule: str, verdict: str):
    """Once or twice is both right, for the sums must agree."""
    with hostile(rule, twice=1) as mount:
        told = look(mount.path)
    assert told.outcome == (verdict, 0)
    assert told.mount["entries"] >= len(TREE)
    assert told.lies == ((told.mount["entries"],) * 2 + (0,) if verdict == "needed" else (0, 0, 0))


def test_an_empty_lying_root(hostile, look):
    with hostile("nlink=0", tree=Tree(folders=0)) as mount:
        told = look(mount.path)
    assert told.outcome == ("needed", 0)
    assert (told.mount["entries"], *told.lies) == (1, 1, 1, 0)


def test_an_empty_honest_root(hostile, look):
    """All that is there was judged; a tool that finds this too little to retire the shim is right, too."""
    with hostile(tree=Tree(folders=0)) as mount:
        told = look(mount.path)
    assert told.outcome in {("not-needed", 0), ("incomplete", 3)}
    assert told.mount["entries"] == 1


def test_a_mount_of_one_file(hostile, look, folder):
    """The root of a FUSE mount may be a regular file: its count is a lie as any other."""
    (folder / "one").touch()
    with hostile("nlink=0", at=folder / "one", one_file=1, tree=Tree(folders=0)) as mount:
        told = look(mount.path)
        doctor = nlinkshim("doctor", "--format", "json", mount.path)
    assert told.outcome == ("needed", 0)
    by_id = {finding["id"]: finding["level"] for finding in doctor.document["findings"]}
    assert (by_id["mount-alive"], by_id["link-counts"]) == ("PASS", "PASS")
    assert told.lies == (1, 1, 0)
    assert {sample["patched"] for sample in told.mount["samples"]} == {1}


def test_failures_do_not_outvote_a_shim_that_does_nothing(hostile, look):
    with hostile("nlink=0", "files,each=2,errno=5") as mount:
        told = look(mount.path, "--scope", "off")
    assert told.outcome == ("ineffective", 1)


def test_several_paths_one_of_them_half_read(hostile, folder):
    """The exit code is the worst of all, and each mount keeps its own verdict."""
    with (
        hostile("nlink=0", at=folder / "whole") as whole,
        hostile("nlink=0", "files,each=2,errno=5", at=folder / "half") as half,
        hostile("children,errno=116", at=folder / "gone") as gone,
    ):
        outcome = nlinkshim("verify", "--format", "json", whole.path, half.path, gone.path)
    verdicts = [mount["verdict"] for mount in outcome.document["mounts"]]
    assert verdicts[:2] == ["needed", "needed"]
    assert verdicts[2] in {"incomplete", "other-cause"}
    assert outcome.code == 3

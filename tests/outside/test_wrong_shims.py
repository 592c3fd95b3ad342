"""A shim that is wrong for one entry in 10,000 is convicted, whatever the mount does, and the entry named."""

from __future__ import annotations

import errno
import stat

import pytest
from harness.capability import require
from hostiles import Tree, compile_c

TREE = Tree(folders=30, files=999)
SMALL = Tree()

# What stands below the meddler: true counts, lies, and either with faults that the kernel sees too.
MOUNTS = {
    "honest": ((), 60_000),
    "lying": (("nlink=0",), 60_000),
    "faulty": (("mtime=flip", "children,chance=1000,errno=5"), 0),
    "lying and faulty": (("nlink=0", "mtime=flip,atime=now", "children,chance=1000,errno=4"), 0),
}
FILES, LINKS, FOLDERS = "rest=7", "rest=12", "rest=2"  # of 10,000: what is numbered so in TREE


def _chosen(tree: Tree, each: int, rest: int) -> list[str]:
    return [entry.path for entry in tree if entry.number % each == rest]


@pytest.fixture(scope="session")
def meddler(build_folder):
    """meddler(mount, "what=nlink", ...): an environment with meddler.c's library in front of the shim."""
    require("cc")
    library = compile_c("meddler.c", build_folder / "meddler.so", "-shared", "-fPIC")

    def environment(mount, *words: str, **more: str) -> dict[str, str]:
        told = [f"dev={mount.device[1]}", *words]
        return {"LD_PRELOAD": str(library), "MEDDLE": ",".join(told), **more}

    return environment


def test_the_tree_has_what_is_meddled_with():
    kinds = {"7": "file", "12": "link", "2": "folder"}
    for rest, kind in kinds.items():
        found = [entry for entry in TREE if entry.number % 10_000 == int(rest)]
        assert [entry.kind for entry in found] == [kind] * 3


WRONGS = [
    (FILES, "what=nlink,value=3"),
    (FILES, "what=nlink,value=2"),
    (LINKS, "what=nlink,value=7"),
    (FOLDERS, "what=nlink,value=1"),
    (FILES, "what=size"),
    (LINKS, "what=mode"),
    (FOLDERS, "what=ino"),
    (FILES, f"what=fails,value={errno.EPERM}"),
    (FOLDERS, f"what=fails,value={errno.EIO}"),
]
CASES = [
    *(("honest", *wrong) for wrong in WRONGS[::2]),
    *(("lying", *wrong) for wrong in WRONGS[1:]),
    *(("faulty", *WRONGS[case]) for case in (0, 4, 8)),
    *(("lying and faulty", *WRONGS[case]) for case in (3, 5)),
]


@pytest.mark.parametrize(("where", "who", "what"), CASES)
def test_one_in_ten_thousand(hostile, look, meddler, where: str, who: str, what: str):
    """On a faulty mount the raw calls of an entry may fail just then, so not all three need be found."""
    rules, keep = MOUNTS[where]
    with hostile(*rules, keep=keep, tree=TREE) as mount:
        told = look(mount.path, text=False, env=meddler(mount, "each=10000", who, what))
        guilty = {str(mount / path) for path in _chosen(TREE, 10_000, int(who.partition("=")[2]))}
    assert told.outcome == ("corrupting", 1), told.everything
    assert told.problems <= guilty
    assert len(told.problems) == told.mount["wrong"]
    assert (1 if "faulty" in where else len(guilty)) <= told.mount["wrong"] <= len(guilty)


@pytest.mark.parametrize("where", ["lying", "lying and faulty"])
def test_zeros_that_are_left(hostile, look, meddler, where: str):
    rules, keep = MOUNTS[where]
    with hostile(*rules, keep=keep, tree=TREE) as mount:
        environment = meddler(mount, "each=10000", FILES, "what=nlink,value=0")
        told = look(mount.path, text=where == "lying", env=environment)
        guilty = {str(mount / path) for path in _chosen(TREE, 10_000, 7)}
    assert told.outcome == ("ineffective", 1)
    assert told.problems <= guilty
    assert "faulty" in where or any(path in told.text for path in guilty)
    assert 1 <= told.mount["lies"] - told.mount["corrected"] <= 3


@pytest.mark.parametrize("rule", ["nlink=2", "nlink=0"])
def test_a_field_that_was_meant_to_be_at_rest(hostile, look, meddler, rule: str):
    """The time of change moves, and that hides no change of the other times."""
    with hostile(rule, "atime=now,ctime=now", keep=0) as mount:
        told = look(mount.path, env=meddler(mount, "each=50", "rest=7", "what=mtime"))
        guilty = {str(mount / path) for path in _chosen(SMALL, 50, 7)}
    assert told.outcome == ("corrupting", 1)
    assert told.problems == guilty
    assert "mtim" in told.text
    assert any(path in told.text for path in guilty)


@pytest.mark.parametrize("rule", ["nlink=2", "nlink=0"])
def test_a_count_is_judged_where_everything_else_moves(hostile, look, meddler, rule: str):
    moves = "atime=now,mtime=now,ctime=now,size=grow,ino=flip,uid=flip,blocks=random"
    with hostile(rule, moves, keep=0) as mount:
        told = look(mount.path, env=meddler(mount, "what=nlink,value=5", f"kind={stat.S_IFLNK}"))
        guilty = {str(mount / entry.path) for entry in SMALL.chosen("link")}
    assert told.outcome == ("corrupting", 1)
    assert told.problems == guilty
    assert told.mount["wrong"] == len(guilty)


@pytest.mark.parametrize("kind", [stat.S_IFDIR, stat.S_IFLNK, stat.S_IFREG])
def test_one_type_alone(hostile, look, meddler, kind: int):
    kinds = {stat.S_IFDIR: ("root", "folder"), stat.S_IFLNK: ("link",), stat.S_IFREG: ("file",)}
    with hostile("nlink=0") as mount:
        told = look(mount.path, text=False, env=meddler(mount, "what=nlink,value=4", f"kind={kind}"))
    assert told.outcome == ("corrupting", 1)
    assert told.mount["wrong"] == len(SMALL.chosen(*kinds[kind]))


ENTRY_POINTS = [
    "stat",
    "lstat64",
    "fstat",
    "fstatat64",
    "__xstat",
    "__lxstat64",
    "__fxstat",
    "__fxstatat",
    "statx",
]


@pytest.mark.parametrize(
    ("rule", "entry"),
    [*(("nlink=0", entry) for entry in ENTRY_POINTS), *(("nlink=2", entry) for entry in ENTRY_POINTS[::4])],
)
def test_one_entry_point_alone(hostile, look, meddler, rule: str, entry: str):
    with hostile(rule, "mtime=flip", keep=0) as mount:
        environment = meddler(mount, f"entry={entry}", "each=50", "rest=7", "what=nlink,value=9")
        told = look(mount.path, "--every-entry-point", text=False, env=environment)
        guilty = {str(mount / path) for path in _chosen(SMALL, 50, 7)}
    assert told.outcome == ("corrupting", 1)
    assert told.problems == guilty
    assert {s["entry_point"] for s in told.mount["samples"] if s["problem"]} == {entry}


@pytest.mark.parametrize("rule", ["nlink=0", "nlink=2", "getattr,nlink=0"])
def test_only_when_the_daemon_is_asked_afresh(hostile, look, meddler, rule: str):
    with hostile(rule) as mount:
        environment = meddler(mount, "fresh=1", "each=50", "rest=7", "what=nlink,value=9")
        told = look(mount.path, "--thorough", text=False, env=environment)
        guilty = {str(mount / path) for path in _chosen(SMALL, 50, 7)}
    assert told.outcome == ("corrupting", 1)
    assert told.problems == guilty


def test_a_directory_gets_what_was_asked_for(hostile, look, meddler):
    """NLINKSHIM_DIR_NLINK=1, and a shim that gives one folder 2."""
    with hostile("nlink=0") as mount:
        environment = meddler(mount, "each=100", "rest=28", "what=nlink,value=2", NLINKSHIM_DIR_NLINK="1")
        told = look(mount.path, text=False, env=environment)
        assert told.problems == {str(mount / "d00001")}
    assert told.outcome == ("corrupting", 1)


def test_errors_of_the_mount_do_not_outvote_a_conviction(hostile, look, meddler):
    with hostile("files,each=2,errno=5") as mount:
        told = look(mount.path, text=False, env=meddler(mount, "each=50", "rest=7", "what=size"))
        assert str(mount / "d00000/f0004") in told.problems
    assert told.outcome == ("corrupting", 1)


def test_a_part_of_the_tree_is_enough_to_convict(hostile, look, meddler):
    with hostile("nlink=0") as mount:
        told = look(mount.path, "--max-entries", "20", text=False, env=meddler(mount, "what=size"))
    assert told.outcome == ("corrupting", 1)

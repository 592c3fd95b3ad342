"""Other lies than the link count's: each is a note with whom it harms and the fix, and changes no verdict."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from harness import gofuse, mounts
from harness.capability import require
from harness.cli import nlinkshim
from hostiles import Tree

TREE = Tree(folders=3, files=9)  # without links
OLD = 1_500_000_000
PLACES = [entry for entry in TREE if entry.kind == "file"]

# what is told of these rules and options, and how many entries lie of how many
LIES: dict[str, tuple[list[str], dict[str, int], dict[str, tuple[int, int] | None]]] = {
    "time of now": (["mtime=now"], {}, {"mtime-moves": (12, 12)}),
    "time of now, in seconds": (["mtime=second"], {}, {"mtime-moves": (12, 12)}),
    "time of now, not cached": (["mtime=now"], {"keep": 0}, {"mtime-moves": (12, 12)}),
    "time of now in GETATTR": (
        ["getattr,mtime=now"],
        {},
        {"mtime-moves": (12, 12), "lookup-differs": (11, 12)},  # of the root there is no LOOKUP
    ),
    "time of now in GETATTR, in seconds": (
        ["getattr,mtime=second"],
        {},
        {"mtime-moves": (12, 12), "lookup-differs": (11, 12)},
    ),
    "no time in LOOKUP": (["lookup,mtime=0"], {}, {"lookup-differs": (11, 12)}),
    "no size in LOOKUP": (["files,lookup,size=0"], {}, {"lookup-differs": (8, 12)}),
    "an owner in GETATTR": (["folders,getattr,uid=7"], {}, {"lookup-differs": (3, 12)}),
    "no capacity": ([], {"capacity": 0}, {"statfs-zero": (1, 1)}),
    "no statfs": ([], {"statfs": errno.ENOSYS}, {"statfs-fails": (1, 1)}),
    "statfs never answers": ([], {"statfs_hangs": 1}, {"statfs-fails": (1, 1)}),
    "no inode": (["ino=0"], {}, {"inode-zero": (len(TREE), len(TREE))}),
    "no inode listed": (["readdir,ino=0"], {}, {"inode-zero": (27, len(TREE))}),
    "another inode listed": (["readdir,ino=4294967295"], {}, {"inode-listed": (27, 27)}),
    "one inode for two files": (
        [f"only={PLACES[0].number},lookup,getattr,readdir,ino={PLACES[1].number}"],
        {},
        {"inode-shared": (1, len(TREE))},
    ),
    "one inode for all folders": (
        ["folders,lookup,getattr,readdir,ino=77"],
        {},
        {"inode-shared": (2, len(TREE))},
    ),
    "inode that changes": (["getattr,ino=random"], {}, {"inode-changes": (12, 12)}),
    "no blocks": (["blocks=0"], {}, {"blocks-zero": (len(PLACES), len(PLACES))}),
}

# what looks like a lie, and is none
HONEST: dict[str, tuple[list[str], dict[str, int]]] = {
    "as it comes": ([], {}),
    "not cached": ([], {"keep": 0}),
    "sizes that grow": (["size=grow"], {}),
    "a sparse file": ([f"only={PLACES[0].number},blocks=0"], {}),
    "one that was replaced": ([f"only={PLACES[0].number},readdir,ino=9999"], {}),
    "everything listed twice": ([], {"twice": 1}),
    "listings without end": ([], {"offsets": 1}),
    "a future time": (["mtime=4000000000"], {}),
    "GETATTR fails": ([f"chance=3,getattr,errno={errno.EIO}"], {}),
}


def _seen(mount: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {note["id"]: (note["count"], note["of"]) for note in mount["notes"]}


@pytest.mark.parametrize("lie", LIES)
def test_each_alone(hostile, look, lie: str):
    """The link count lies too: its verdict stands."""
    rules, options, told = LIES[lie]
    with hostile("nlink=0", *rules, tree=TREE, **options) as mount:
        found = look(mount.path, "--timeout", 4 if "statfs_hangs" in options else 30, text=False)
    assert found.outcome == ("needed", 0), found.mount["cause"]
    assert found.lies == (len(TREE), len(TREE), 0)
    assert _seen(found.mount) == told


@pytest.mark.parametrize("case", HONEST)
def test_the_honest_twin(hostile, look, case: str):
    rules, options = HONEST[case]
    with hostile(*rules, tree=TREE, **options) as mount:
        found = look(mount.path, text=False)
    assert found.mount["notes"] == []


def test_all_together(hostile, look):
    """On a mount that counts links it is still not-needed; the text is for a terminal of 80 columns."""
    rules = [
        "getattr,mtime=now",
        "lookup,size=3",
        "readdir,ino=5",
        "files,ino=6",
        "folders,ino=0",
        "blocks=0",
    ]
    with hostile(*rules, "files,getattr,ino=random", tree=TREE, capacity=0) as mount:
        found = look(mount.path)
    assert found.outcome == ("not-needed", 0) and found.text_code == 0
    ids = list(_seen(found.mount))
    assert ids == [
        "mtime-moves",
        "lookup-differs",
        "statfs-zero",
        "inode-zero",
        "inode-listed",
        "inode-shared",
        "inode-changes",
        "blocks-zero",
    ]
    shown = found.text.partition("  note: mtime-moves")[1:]
    lines = "".join(shown).splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) <= 5 * len(ids)
    for note in found.mount["notes"]:
        assert note["harms"].split(" ")[0] in found.text and note["fix"]["any"].split(" ")[0] in found.text
        assert note["id"] == "statfs-zero" or len(note["examples"]) == min(3, note["count"])
    details = {note["id"]: note["detail"] for note in found.mount["notes"]}
    assert details["lookup-differs"] == "modification time, size"


def test_what_differs_or_fails_is_named(hostile, look):
    with hostile("lookup,uid=7", statfs=errno.EIO, tree=TREE) as mount:
        found = look(mount.path, text=False)
    assert [note["detail"] for note in found.mount["notes"]] == ["owner", "EIO"]


def test_a_sample_says_so(hostile, look):
    with hostile("mtime=now", tree=TREE) as mount:
        some = look(mount.path)
        every = look(mount.path, "--thorough", text=False)
    assert some.mount["notes"][0]["sampled"] and "12 of 12 sampled" in " ".join(some.text.split())
    assert _seen(every.mount) == {"mtime-moves": (len(TREE), len(TREE))}


def test_a_tree_that_was_written_just_now(look, folder: Path):
    """Times of now that are true, and files that grew behind what the kernel has cached."""
    require("bindfs")
    source, bound = folder / "source", folder / "bound"
    source.mkdir()
    caching = ["-o", "attr_timeout=60", "-o", "entry_timeout=60"]
    with mounts.served(bound, ["bindfs", "-f", *caching, str(source), str(bound)]) as mount:
        for number in range(4):
            (mount / f"file{number}").write_text("new")
            (mount / f"folder{number}").mkdir()
        for number in range(2):
            assert (mount / f"file{number}").stat().st_size == 3
            (source / f"file{number}").write_text("newer")
        found = look(mount.path, text=False)
    assert found.outcome == ("not-needed", 0) and found.mount["notes"] == []


def test_no_notes_of_what_is_no_fuse_mount(look, folder: Path):
    """Its author is not the user's neighbour."""
    (folder / "a:b").touch()
    found = look(folder, "--plain", text=False)
    assert found.outcome == ("not-needed", 0) and found.mount["notes"] == []


@pytest.fixture
def debrid(mount_gofuse):
    """What decypharr v2.4 does: honest counts, times of now in GETATTR alone, no Statfs, these timeouts."""
    return mount_gofuse(
        nlink="honest", now=True, no_statfs=True, attr_timeout="30s", entry_timeout="1s", entries=300
    )


def test_a_debrid_mount(debrid, look):
    with debrid as mount:
        found = look(mount.path)
    assert found.outcome == ("not-needed", 0) and found.text_code == 0
    assert list(_seen(found.mount)) == ["mtime-moves", "lookup-differs", "statfs-zero"]
    assert found.mount["notes"][1]["detail"] == "modification time"
    for harmed in ("media scanners", "CIFS and NFS", "Radarr"):
        assert harmed in found.text


ODD = {
    "name-not-utf8": ["latin-\udce9.mkv", "\udcff\udcfe"],
    "name-reserved": ["a:b", 'say "hi"', "E.T.", "end ", "esc\x1b[2Jape", "back\\slash", "\uf022"],
}
FINE = ["été", "日本語", "a.b c", "\U0001f600", "100%", "~tilde"]


@pytest.fixture(scope="module")
def names(gofuse_program: Path, build_folder: Path):
    files = [f"movies/{name}=5" for name in [*FINE, *ODD["name-not-utf8"], *ODD["name-reserved"]]]
    with gofuse.mount(gofuse_program, build_folder / "names", nlink="honest", file=files) as mount:
        yield mount


def test_names_that_smb_cannot_carry(names, look):
    found = look(names.path)
    assert found.outcome == ("not-needed", 0)
    assert {note["id"]: note["count"] for note in found.mount["notes"]} == {k: len(v) for k, v in ODD.items()}
    for note in found.mount["notes"]:
        assert set(note["examples"]) <= {f"{names.path}/movies/{name}" for name in ODD[note["id"]]}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\udc80-\udcff]", found.text)


def test_json_is_valid_for_any_reader(names):
    """No lone surrogates; the exact bytes stand beside."""
    outcome = nlinkshim("verify", "--format", "json", "--scope", "off", names.path)
    plain = json.loads(outcome.out)
    assert not re.search(r"\\ud[89a-f]", re.sub(r"\\ud83d\\ude00", "", outcome.out), re.IGNORECASE)
    json.dumps(plain, ensure_ascii=False).encode()
    (shown, exact) = (
        next(note for note in document["mounts"][0]["notes"] if note["id"] == "name-not-utf8")["examples"]
        for document in (plain, outcome.document)
    )
    assert f"{names.path}/movies/latin-\\xe9.mkv" in shown
    assert os.fsencode(names.path) + b"/movies/latin-\xe9.mkv" in map(os.fsencode, exact)

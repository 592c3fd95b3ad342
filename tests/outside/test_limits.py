"""A part of the tree is a part of the tree: said in text and JSON, and nothing is said of the rest."""

from __future__ import annotations

import re

import pytest
from hostiles import Tree
from told import CLOSELY

TREE = Tree(folders=4, files=499)
FIRST = 300


def _says_of_the_first(told, count: int) -> bool:
    """In the text, and in the JSON by a sentence or by a number or truth beside `entries`."""
    said = re.search(rf"\bfirst {count:,}\b|\bfirst {count}\b", told.text)
    sentences = f"{told.mount['cause']} {told.mount['remedy']}"
    in_json = re.search(rf"\bfirst ({count:,}|{count})\b", sentences) or any(
        re.search("limit|max|partial|first", key) and value not in (None, False, 0, "")
        for key, value in told.mount.items()
        if not key.startswith("first_error")
    )
    return bool(said and in_json)


def test_needed_of_the_first(hostile, look):
    with hostile("nlink=0", tree=TREE) as mount:
        told = look(mount.path, "--max-entries", str(FIRST))
    assert told.outcome == ("needed", 0)
    assert told.lies == (FIRST, FIRST, 0)
    assert _says_of_the_first(told, FIRST), told.everything


def test_no_lies_among_the_first(hostile, look):
    with hostile(tree=TREE) as mount:
        told = look(mount.path, "--max-entries", str(FIRST))
    assert told.outcome == ("not-needed", 0)
    assert _says_of_the_first(told, FIRST), told.everything
    assert not told.retires


def test_a_lie_behind_the_first_is_not_denied(hostile, look):
    """Only the last folder lies. `the file system tells the truth` is more than was seen."""
    last = [entry for entry in TREE if entry.kind == "folder"][-1]
    with hostile(f"only={last.number + 400},nlink=0", tree=TREE) as mount:
        told = look(mount.path, "--max-entries", "50", "--jobs", "1")
        whole = look(mount.path)
    assert told.outcome == ("not-needed", 0)
    assert _says_of_the_first(told, 50), told.everything
    assert "tells the truth." not in told.text
    assert whole.outcome == ("needed", 0)
    assert whole.lies == (1, 1, 0)


def test_the_first_were_all_there_is(hostile, look):
    with hostile(tree=TREE) as mount:
        told = look(mount.path, "--max-entries", str(len(TREE)))
    assert told.outcome == ("not-needed", 0)
    assert told.mount["entries"] == len(TREE)
    assert "first" not in told.text
    assert told.retires


@pytest.mark.parametrize(("rule", "verdict"), [("nlink=0", "needed"), ("nlink=2", "incomplete")])
def test_errors_among_the_first(hostile, look, rule: str, verdict: str):
    with hostile(rule, "files,each=4,errno=5", tree=TREE) as mount:
        told = look(mount.path, "--max-entries", str(FIRST))
    assert told.outcome == (verdict, 3)
    assert told.mount["errors"] > 50


def test_most_of_the_first_vanished(hostile, look):
    with hostile("files,links,errno=2", tree=TREE) as mount:
        told = look(mount.path, "--max-entries", str(FIRST))
    assert told.outcome == ("incomplete", 3)
    assert not told.retires


def test_the_first_of_a_liar_under_a_shim_that_does_nothing(hostile, look):
    with hostile("nlink=0", tree=TREE) as mount:
        told = look(mount.path, "--max-entries", "1", "--scope", "off")
    assert told.outcome == ("ineffective", 1)
    assert told.lies == (1, 0, 1)


@pytest.mark.parametrize("sample", [1, 100, 100_000])
def test_how_many_were_looked_at_closely_is_told(hostile, look, sample: int):
    """All with --sample 1. Else one in so many, and the first few whatever it is: the exact number is the
    tool's own, but it is told."""
    least, most = len(TREE) // sample, len(TREE) // sample + 64
    with hostile("nlink=0", tree=TREE) as mount:
        told = look(mount.path, "--sample", str(sample))
    assert told.outcome == ("needed", 0)
    assert any(max(least, 1) <= n <= min(most, len(TREE)) for n in told.counts(CLOSELY)), told.everything

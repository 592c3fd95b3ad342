"""A listing that never ends: a server answers each offset with names that it gave before.

Seen in servers on pyfuse3 (libfuse/pyfuse3#5), mfusepy (mxmlnkn/mfusepy#7) and of their own
(CurvineIO/curvine#1236). Every call is answered at once, so no timeout of a call notices.
"""

from __future__ import annotations

import errno

import pytest
from hostiles import Tree
from told import VANISHED

OWN_PLACE, FROM_THE_REQUEST, BEGINNING = 1, 2, 3
ENDLESS = "endless|round"
TREE = Tree(folders=3, files=400)  # each folder needs several requests, the root one
WAYS = [(OWN_PLACE, 4), (FROM_THE_REQUEST, 3), (BEGINNING, 4)]


@pytest.mark.parametrize(("offsets", "folders"), WAYS)
def test_lies_in_listings_without_end(hostile, look, offsets: int, folders: int):
    with hostile("nlink=0", offsets=offsets, tree=TREE) as mount:
        told = look(mount.path)
    assert told.outcome == ("needed", 3)
    lies, corrected, wrong = told.lies
    assert lies == corrected == told.mount["entries"]
    assert wrong == 0
    assert told.mount["endless"] >= folders  # a folder that is met again is walked again
    assert told.says(told.mount["endless"], ENDLESS), told.everything
    assert "readdir" in told.mount["remedy"]


@pytest.mark.parametrize(("offsets", "folders"), WAYS)
def test_no_lies_in_listings_without_end_prove_nothing(hostile, look, offsets: int, folders: int):
    with hostile(offsets=offsets, tree=TREE) as mount:
        told = look(mount.path)
    assert told.outcome == ("incomplete", 3)
    assert told.mount["endless"] >= folders
    assert not told.retires
    assert not told.accuses


@pytest.mark.parametrize("offsets", [OWN_PLACE, BEGINNING])
def test_every_name_is_looked_at_and_soon_no_more(hostile, look, offsets: int):
    """At the end of the third round at the latest."""
    tree = Tree(folders=0)
    with hostile(offsets=offsets, ghosts=700, tree=tree) as mount:
        told = look(mount.path, text=False)
    assert told.outcome == ("incomplete", 3)
    assert told.mount["endless"] == 1
    assert "without end" in told.mount["cause"]  # not: no answer
    assert 701 <= told.mount["entries"] <= 1 + 3 * 700


def test_vanished_names_in_a_listing_without_end(hostile, look):
    """They are looked for in the listing once more."""
    with hostile(f"files,each=3,errno={errno.ENOENT}", offsets=BEGINNING, tree=TREE) as mount:
        told = look(mount.path)
    assert told.outcome == ("incomplete", 3)
    assert "without end" in told.mount["cause"]
    assert told.says(told.mount["vanished"], VANISHED), told.everything


def test_a_listing_that_names_everything_twice_ends(hostile, look):
    with hostile(twice=1, tree=TREE) as mount:
        told = look(mount.path)
    assert told.outcome == ("not-needed", 0)
    assert told.mount["endless"] == 0

"""How long verify's worker may show no life: as long as its call has names to look up."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from nlinkshim._walker import ffi, lib
from nlinkshim.engines.verify.supervise import _stuck


def seen_in_walks(folder: Path, enough: int) -> int:
    """The most names that a call of one thread was seen to look up, in walks of `folder` by all entry points,
    one after the other until that is `enough`."""
    report = ffi.new("struct walk_report *")
    root, excludes = ffi.new("char[]", os.fsencode(folder)), ffi.new("char *[]", [ffi.NULL])
    options = {"jobs": 1, "sample": 1, "every_entry_point": 1, "directory_nlink": 2}
    options |= {"excludes": excludes, "local_types": excludes}  # none
    asked = ffi.new("struct walk_options *", options)
    most, deadline = 0, time.monotonic() + 30
    while most < enough and time.monotonic() < deadline:
        ffi.memmove(report, bytes(ffi.sizeof("struct walk_report")), ffi.sizeof("struct walk_report"))
        walk = threading.Thread(target=lib.walk_run, args=(report, root, asked))
        walk.start()
        while walk.is_alive():
            most = max(most, report.slots[0].lookups)
        walk.join()
        assert report.errors == 0
    return most


def test_a_call_says_how_many_names_it_looks_up(folder: Path) -> None:
    """The most are those of libc's walks, which look up the whole path more than once."""
    for number in range(200):
        (folder / f"file{number}").touch()
    names = str(folder / "file").count("/") + 1
    assert seen_in_walks(folder, 2 * names) >= 2 * names


@pytest.mark.parametrize(
    ("lookups", "silence", "hangs"), [(0, 1.5, True), (1, 1.5, True), (6, 1.5, False), (6, 7, True)]
)
def test_each_name_may_take_the_time_given(lookups: int, silence: float, hangs: bool) -> None:
    report = ffi.new("struct walk_report *", {"phase": lib.WALK_WALKING, "slot_count": 1})
    report.slots[0].busy, report.slots[0].lookups, report.slots[0].ticks = 1, lookups, 5
    seen = {0: (5, time.monotonic() - silence)}
    assert (_stuck(report, seen, timeout=1.0) is not None) == hangs

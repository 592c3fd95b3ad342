"""How long verify's worker may show no life: as long as its call has names to look up."""

from __future__ import annotations

import os
import time

import pytest

from nlinkshim._walker import ffi, lib
from nlinkshim.verifier.supervise import _stuck


def walked(folder) -> object:
    """A walk in this process, by one thread."""
    report = ffi.new("struct walk_report *")
    root, excludes = ffi.new("char[]", os.fsencode(folder)), ffi.new("char *[]", [ffi.NULL])
    options = {"jobs": 1, "sample": 1, "every_entry_point": 1, "directory_nlink": 2, "excludes": excludes}
    lib.walk_run(report, root, ffi.new("struct walk_options *", options))
    return report


def test_a_call_says_how_many_names_it_looks_up(folder):
    """The last one here is a walk of libc's on the file; it is preceded by calls by name, which say 0."""
    (folder / "file").touch()
    report = walked(folder)
    assert (report.entries, report.errors) == (2, 0)
    names = str(folder / "file").count("/") + 1
    assert report.slots[0].lookups >= names


@pytest.mark.parametrize(
    ("lookups", "silence", "hangs"), [(0, 1.5, True), (1, 1.5, True), (6, 1.5, False), (6, 7, True)]
)
def test_each_name_may_take_the_time_given(lookups: int, silence: float, hangs: bool):
    report = ffi.new("struct walk_report *", {"phase": lib.WALK_WALKING, "slot_count": 1})
    report.slots[0].busy, report.slots[0].lookups, report.slots[0].ticks = 1, lookups, 5
    seen = {0: (5, time.monotonic() - silence)}
    assert (_stuck(report, seen, timeout=1.0) is not None) == hangs

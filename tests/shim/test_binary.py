"""The file itself: one for every libc, and nothing in it that could fail to load or be bypassed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.preload import Shim
from harness.table import ENTRY_POINTS

pytestmark = pytest.mark.quick

STATE = "nlinkshim_state"


@pytest.fixture(scope="module")
def read(shim: Shim):
    require("readelf")

    def run(*options: str) -> str:
        return processes.run(["readelf", "--wide", *options, str(shim.path)]).stdout

    return run


@pytest.fixture(scope="module")
def symbols(read) -> list[tuple[str, str, str]]:
    """(type, section index, name) of every dynamic symbol."""
    row = re.compile(r"^\s*\d+: [0-9a-f]+\s+\S+ (\w+)\s+\w+\s+\w+\s+(\w+) (\S+)$", re.MULTILINE)
    return row.findall(read("--dyn-syms"))


def test_it_needs_no_library(read):
    assert "NEEDED" not in read("-d")


def test_everything_is_bound_at_load(read):
    assert re.search(r"FLAGS\b.*BIND_NOW|FLAGS_1.*NOW", read("-d"))


def test_relocated_data_becomes_read_only(read):
    assert "GNU_RELRO" in read("-l")


def test_the_stack_is_not_executable(read):
    assert re.search(r"GNU_STACK\s.*\sRW\s", read("-l"))


def test_no_text_relocation(read):
    assert "TEXTREL" not in read("-d")


def test_no_segment_is_both_writable_and_executable(read):
    assert not re.search(r"^\s+LOAD\s.*\sRWE\s", read("-l"), re.MULTILINE)


def test_no_thread_local_storage(read):
    assert not re.search(r"^\s+TLS\s", read("-l"), re.MULTILINE)


def test_no_version_is_given_or_asked_for(read):
    assert "VERSYM" not in read("-d")
    assert "VERNEED" not in read("-d")
    assert "VERDEF" not in read("-d")


def test_exports_are_the_table_and_the_state(symbols):
    exported = {name for kind, section, name in symbols if section != "UND"}
    assert exported == {entry.name for entry in ENTRY_POINTS} | {STATE}


def test_exported_entry_points_are_plain_functions(symbols):
    kinds = {name: kind for kind, section, name in symbols if section != "UND"}
    assert kinds.pop(STATE) == "OBJECT"
    assert set(kinds.values()) == {"FUNC"}


def test_every_import_is_weak(read):
    imported = re.findall(r"^\s*\d+: .*\s(\w+)\s+DEFAULT\s+UND (\S+)$", read("--dyn-syms"), re.MULTILINE)
    assert imported, "the null symbol aside, dl_iterate_phdr or dlsym must be there"
    assert {name for binding, name in imported if binding != "WEAK"} == set()


def test_no_import_is_an_ifunc(symbols):
    maps = Path("/proc/self/maps").read_text().splitlines()
    libc = next(line.split()[-1] for line in maps if "/libc.so.6" in line or "/libc-2" in line)
    text = processes.run(["nm", "-D", "--defined-only", libc]).stdout
    resolved = set(re.findall(r"\bi (\w+)@", text))
    assert "strlen" in resolved
    assert {name for _, section, name in symbols if section == "UND"} & resolved == set()


def test_the_table_is_complete_for_this_libc():
    """Every stat entry point that this machine's libc exports is in the table."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    libc = next(line.split()[-1] for line in maps if "/libc.so.6" in line or "/libc-2" in line)
    text = processes.run(["nm", "-D", "--defined-only", libc]).stdout
    names = set(re.findall(r"\b[TWi] (\w+)@", text))
    family = re.compile(
        r"^(f|l)?statx?(at)?(64)?$|^__[fl]?xstat(at)?(64)?$|^n?ftw(64)?$|^fts(64)?_(read|children)$"
    )
    assert {name for name in names if family.match(name)} == {entry.name for entry in ENTRY_POINTS}

"""The shim on other machines: every entry point, whichever way it is asked, under qemu, on a lying mount.

For each the answer of libc itself is the measure: byte by byte the same, but for a count of 0.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import foreign
from harness.calls import AT_SYMLINK_NOFOLLOW, by_descriptor, by_name
from harness.capability import require
from harness.foreign import DIRECT, MACHINES, Foreign
from harness.probe import Call, Output
from harness.table import (
    BY_DESCRIPTOR,
    BY_NAME,
    EMPTY_PATH,
    ENTRY_POINTS,
    ENTRY_POINTS_32,
    WALKS,
    EntryPoint,
)

VERSIONED = {"XPATH", "XLINK", "XFD", "XAT"}
# All of them: make matrix. Else one of each kind: plain, big-endian, and of 32 bits with both C libraries.
KINDS = [
    (machine, libc)
    for machine in MACHINES
    for libc in ("glibc", "musl")
    if os.environ.get("NLINKSHIM_MATRIX") == "all"
    or (machine.name, libc)
    in {("aarch64", "glibc"), ("s390x", "glibc"), ("armv7l", "musl"), ("i686", "glibc")}
]
# What is fetched and compiled for a kind is part of its first test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def programs(request: pytest.FixtureRequest, build_folder: Path) -> Foreign:
    require("foreign")
    machine, libc = request.param
    return foreign.build(machine, libc, build_folder / f"foreign-{machine}-{libc}")


@pytest.fixture(scope="module")
def foreign_shim(programs: Foreign, build_folder: Path) -> Path:
    folder = build_folder / f"foreign-shim-{programs.machine}"
    ready = folder / "libnlinkshim.so"
    return ready if ready.is_file() else foreign.shim_of(programs.machine, folder)


@pytest.fixture
def place(folder: Path, lying_mount) -> Iterator[Path]:
    """A folder in which `target` leads to a lying file."""
    (folder / "target").symlink_to(lying_mount / "readme.txt")
    return folder


def table(programs: Foreign) -> list[EntryPoint]:
    return ENTRY_POINTS_32 if programs.machine.bits == 32 else ENTRY_POINTS


def corrected(programs: Foreign, entry: EntryPoint, raw: Call) -> bytes:
    field = slice(16, 20) if entry.layout == "STATX" else programs.machine.nlink_field
    count = 2 if stat.S_ISDIR(raw.mode) else 1
    patch = count.to_bytes(field.stop - field.start, programs.machine.order)
    return raw.content[: field.start] + patch + raw.content[field.stop :]


def compare(programs: Foreign, entries: dict[str, EntryPoint], raw: Output, patched: Output) -> int:
    """Each answer was a lie and is corrected, each failure is as it was. Returns how many were corrected."""
    assert [call.name for call in raw.calls] == [call.name for call in patched.calls]
    lies = 0
    for before, after in zip(raw.calls, patched.calls, strict=True):
        assert (after.returned, after.errno, after.same) == (before.returned, before.errno, True), before.name
        lie = before.returned == 0 and before.content != b""
        if lie:
            assert before.nlink == 0, f"{before.name}: this is no lie, so the test shows nothing"
        wanted = corrected(programs, entries[before.name], before) if lie else before.content
        assert after.content == wanted, f"{before.name}: {before.content.hex()} {after.content.hex()}"
        lies += lie
    return lies


def existing(programs: Foreign, words_of, shapes: set[str]) -> tuple[dict[str, EntryPoint], list[str]]:
    """The entry points of these shapes that this libc has, and what to ask them."""
    entries = [entry for entry in table(programs) if entry.shape in shapes]
    absent = set(
        programs.probe(*(word for entry in entries for word in (entry.name, "/nothing/there"))).absent
    )
    entries = [entry for entry in entries if entry.name not in absent]
    return {entry.name: entry for entry in entries}, [word for entry in entries for word in words_of(entry)]


def test_every_entry_point(programs: Foreign, foreign_shim: Path, lying_mount, links_target):
    """By name, from the working directory and from a folder, for a link itself; by descriptor of either kind,
    with an empty path; where nothing is there."""
    top = lying_mount.path

    def words_of(entry: EntryPoint) -> list[str]:
        words = by_name(entry, top / "movies", top / "readme.txt", top / "nothing")
        if entry.shape not in BY_DESCRIPTOR:
            words = [*words, "chdir", str(top), entry.name, "movies", "chdir", "/"]
        if entry.shape in EMPTY_PATH:
            words += ["open", str(top), f"flags={AT_SYMLINK_NOFOLLOW}", entry.name, "@/movies"]
        if entry.shape == "STATX":
            for mask in (0, 0x1, 0x4, 0x7FF, 0xFFF):
                words += [f"mask={mask}", entry.name, str(top / "movies")]
        if entry.shape in BY_DESCRIPTOR | EMPTY_PATH:
            for path_only in (True, False):
                words += by_descriptor(entry, top / "movies", top / "readme.txt", path_only=path_only)
        return words

    entries, words = existing(programs, words_of, BY_NAME | BY_DESCRIPTOR)
    assert len(entries) >= 9
    lies = compare(
        programs, entries, programs.probe(*words), programs.probe(*words, "state", "-", preload=foreign_shim)
    )
    assert lies > 50


def test_honest_entries(programs: Foreign, foreign_shim: Path, honest_mount, folder: Path):
    """Of an honest mount and of the disk; one that has been unlinked while open is still that."""

    def words_of(entry: EntryPoint) -> list[str]:
        words = by_name(entry, honest_mount / "movies", "/etc/passwd", folder)
        if entry.shape in BY_DESCRIPTOR | EMPTY_PATH:
            words += ["open", str(folder / entry.name), "unlink", str(folder / entry.name), entry.name, "@"]
        return words

    def prepared() -> None:
        for entry in table(programs):
            (folder / entry.name).write_text("")

    prepared()
    entries, words = existing(programs, words_of, BY_NAME | BY_DESCRIPTOR)
    raw = programs.probe(*words)
    prepared()
    patched = programs.probe(*words, preload=foreign_shim)
    assert [(c.name, c.returned, c.nlink, c.mode) for c in raw.calls] == [
        (c.name, c.returned, c.nlink, c.mode) for c in patched.calls
    ]
    assert {call.nlink for call in raw.calls} >= {0, 1, 2}
    assert entries


def test_versions_of_xstat(programs: Foreign, foreign_shim: Path, lying_mount):
    """One of them is the machine's; any other is another structure, and none of the shim's business."""
    ours = programs.machine.fact("XSTAT_VERSION")
    for version in range(5):

        def words_of(entry: EntryPoint, version: int = version) -> list[str]:
            return [f"version={version}", entry.name, str(lying_mount / "movies")]

        entries, words = existing(programs, words_of, VERSIONED)
        raw, patched = programs.probe(*words), programs.probe(*words, preload=foreign_shim)
        if version == ours and entries:
            assert compare(programs, entries, raw, patched) == len(entries)
        else:
            assert patched.calls == raw.calls


def test_walks(programs: Foreign, foreign_shim: Path, lying_mount):
    def words_of(entry: EntryPoint) -> list[str]:
        return [entry.name, str(lying_mount / "movies")]

    entries, words = existing(programs, words_of, WALKS)
    assert entries
    raw, patched = programs.probe(*words), programs.probe(*words, preload=foreign_shim)
    walked = {step.name for step in raw.steps}
    assert walked >= ({"ftw", "nftw"} if programs.libc == "musl" else set(entries))
    assert len(raw.steps) >= 5 * len(walked)
    for before, after in zip(raw.steps, patched.steps, strict=True):
        assert (before.name, before.path, before.info, before.mode, before.place) == (
            after.name,
            after.path,
            after.info,
            after.mode,
            after.place,
        )
        assert before.nlink == 0
        assert after.nlink == (2 if stat.S_ISDIR(before.mode) else 1), after


def test_the_clock_is_found(programs: Foreign, foreign_shim: Path, lying_mount):
    """Without one the shim falls back in silence, to counting its answers."""
    words = ("stat", lying_mount / "movies", "state", "-")
    ((_, corrections, _, last),) = programs.probe(*words, preload=foreign_shim).other
    assert int(corrections) == 1
    assert int(last) > 0


def test_before_the_shim_is_initialised(programs: Foreign, foreign_shim: Path, place: Path):
    forms = ["constructor"] if programs.libc == "musl" else ["constructor", "ifunc"]  # musl has no IFUNC
    for form in forms:
        assert programs.text(form, cwd=place) == "early\t0\t0\n"
        assert programs.text(form, cwd=place, preload=foreign_shim) == "early\t0\t1\n"


def test_before_the_shim_is_relocated(programs: Foreign, foreign_shim: Path, place: Path):
    """Nor is the environment there: the call passes, through tables and on a stack that are as they are."""
    if programs.libc == "glibc":
        assert programs.text("inside", cwd=place, preload=foreign_shim) in ("early\t0\t0\n", "early\t0\t1\n")


def test_callers_by_plain_names(programs: Foreign, foreign_shim: Path, lying_mount):
    """Built against the oldest glibc, and against a new one for each width of sizes and times."""
    forms = [name for name in DIRECT if (programs.folder / name).exists()]
    wanted = {"musl": 1, "glibc": 2 if programs.machine.bits == 64 else 4}
    assert len(forms) == wanted[programs.libc]
    for form in forms:
        paths = (lying_mount / "movies", lying_mount / "readme.txt")
        raw = programs.text(form, *paths).splitlines()
        patched = programs.text(form, *paths, preload=foreign_shim).splitlines()
        assert len(raw) >= 14
        for before, after in zip(raw, patched, strict=True):
            name, returned, count, mode = before.split()
            assert (returned, count) == ("0", "0"), (form, before)
            assert after == f"{name} 0 {2 if mode == '40000' else 1} {mode}", form

"""Lies told about an ordinary name become 1, or 2 for a directory, and no other byte changes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.calls import STATX_BASIC_STATS, STATX_NLINK, STATX_TYPE, assert_corrected, by_name, raw_answers
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import Probe
from harness.table import BY_DESCRIPTOR, BY_NAME, EntryPoint, shaped

ENTRIES = [
    "", "movies", "movies/film one.mkv", "shows/été/héros.txt", "empty", "movies/favourite", "to-movies",
    "to-readme", "dangling", "nothing-here", "readme.txt/below-a-file",
]  # fmt: skip


def paths(mount: mounts.FuseMount) -> list[str]:
    return [str(mount / entry) for entry in ENTRIES] + [
        f"{mount.path}/to-movies/",
        f"{mount.path}//movies///poster.jpg",
    ]


@pytest.mark.parametrize("entry", shaped(BY_NAME), ids=str)
@pytest.mark.parametrize("dir_nlink", [None, 1, 2])
def test_by_name(entry: EntryPoint, dir_nlink, each_probe: Probe, the_probe: Probe, lying_mount, shim: Shim):
    words = by_name(entry, *paths(lying_mount))
    raw = raw_answers(each_probe, the_probe, words)
    patched = each_probe.run(*words, env=shim(dir_nlink=dir_nlink))
    assert_corrected(entry, raw.calls, patched.calls, dir_nlink or 2)


@pytest.mark.parametrize("entry", shaped(BY_NAME), ids=str)
def test_relative_name(entry: EntryPoint, the_probe: Probe, lying_mount, shim: Shim):
    words = [
        "chdir",
        lying_mount / "movies",
        *by_name(entry, "film one.mkv", "../shows", "favourite", "./poster.jpg"),
    ]
    assert_corrected(entry, the_probe.run(*words, env=bare()).calls, the_probe.run(*words, env=shim()).calls)


@pytest.mark.parametrize("entry", [e for e in shaped(BY_NAME) if e.shape in {"AT", "XAT", "STATX"}], ids=str)
def test_name_below_a_descriptor(entry: EntryPoint, the_probe: Probe, lying_mount, shim: Shim):
    words = []
    for base in ("movies", "shows", ""):
        for name in ("film one.mkv", "season 1", "movies/favourite"):
            words += ["path-only=1", "open", str(lying_mount / base), entry.name, f"@/{name}"]
    assert_corrected(entry, the_probe.run(*words, env=bare()).calls, the_probe.run(*words, env=shim()).calls)


@pytest.mark.parametrize("form", ["program", "library"])
def test_every_entry_point_in_one_process(form: str, glibc_probes, lying_mount, shim: Shim):
    """A caller in a shared library is reached like one in the program."""
    words = []
    for entry in shaped(BY_NAME):
        words += [entry.name, str(lying_mount / "movies/poster.jpg")]
    for entry in shaped(BY_DESCRIPTOR):
        words += [entry.name, str(lying_mount / "movies/poster.jpg")]
    assert set(glibc_probes[form].run(*words, env=bare()).nlinks) == {0}
    assert set(glibc_probes[form].run(*words, env=shim()).nlinks) == {1}


def test_a_static_program_is_out_of_reach(glibc_probes, lying_mount, shim: Shim):
    words = ["stat", lying_mount / "readme.txt", "raw", lying_mount / "readme.txt"]
    assert glibc_probes["static"].run(*words, env=shim()).nlinks == [0]


def statx_words(mount: mounts.FuseMount, mask: int) -> list[object]:
    return [f"mask={mask}", "statx", mount / "movies", f"mask={mask}", "statx", mount / "readme.txt"]


@pytest.fixture(scope="module")
def masked_statx(build_folder: Path) -> Path:
    """A preload behind the shim whose statx leaves fields out, as today's kernels never do for FUSE."""
    require("cc")
    library = build_folder / "masked_statx.so"
    source = Path(__file__).parents[1] / "probe" / "masked_statx.c"
    processes.run(["gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library), str(source)])
    return library


def test_statx_without_nlink_is_left_alone(the_probe: Probe, lying_mount, masked_statx: Path, shim: Shim):
    words = statx_words(lying_mount, STATX_BASIC_STATS)
    without = {"PROBE_STATX_WITHOUT": hex(STATX_NLINK)}
    raw = the_probe.run(*words, env=bare(LD_PRELOAD=str(masked_statx), **without))
    assert [int.from_bytes(call.content[:4], "little") & STATX_NLINK for call in raw.calls] == [0, 0]
    assert the_probe.run(*words, env=shim(after=masked_statx, **without)) == raw


def test_statx_without_type_gives_1(the_probe: Probe, lying_mount, masked_statx: Path, shim: Shim):
    words = statx_words(lying_mount, STATX_BASIC_STATS) * 2
    without = {"PROBE_STATX_WITHOUT": hex(STATX_TYPE)}
    assert the_probe.run(*words, env=shim(after=masked_statx, **without)).nlinks == [1, 1, 1, 1]
    assert the_probe.run(*words, env=shim(after=masked_statx)).nlinks == [2, 1, 2, 1]


@pytest.mark.parametrize("mask", [STATX_NLINK, STATX_NLINK | STATX_TYPE, STATX_BASIC_STATS, 0xFFF, 0x17FFF])
def test_statx_masks(mask: int, the_probe: Probe, lying_mount, shim: Shim):
    words = statx_words(lying_mount, mask)
    raw, patched = the_probe.run(*words, env=bare()), the_probe.run(*words, env=shim())
    for before, after in zip(raw.calls, patched.calls, strict=True):
        typed = int.from_bytes(before.content[:4], "little") & STATX_TYPE
        assert after.nlink == (2 if typed and stat.S_ISDIR(before.mode) else 1)
        assert after.content[20:] == before.content[20:]
        assert after.content[:16] == before.content[:16]

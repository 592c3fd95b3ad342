"""fts, ftw and nftw: libc stats past the PLT there, so their answers are corrected, and nothing else."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest
from harness.preload import Shim, bare
from harness.probe import Output, Probe, Step
from harness.table import WALKS, EntryPoint, shaped

FTS = {"FTS_READ", "FTS_CHILDREN"}
FTS_LOGICAL, FTS_NOCHDIR, FTS_NOSTAT, FTS_PHYSICAL, FTS_SEEDOT, FTS_XDEV, FTS_COMFOLLOW = (
    2,
    4,
    8,
    16,
    32,
    64,
    1,
)
FTW_PHYS, FTW_MOUNT, FTW_CHDIR, FTW_DEPTH = 1, 2, 4, 8
FTS_FLAGS = [
    FTS_PHYSICAL, FTS_PHYSICAL | FTS_NOCHDIR, FTS_LOGICAL, FTS_PHYSICAL | FTS_SEEDOT,
    FTS_PHYSICAL | FTS_XDEV, FTS_PHYSICAL | FTS_COMFOLLOW,
]  # fmt: skip
NFTW_FLAGS = [FTW_PHYS, FTW_MOUNT, FTW_PHYS | FTW_DEPTH, FTW_PHYS | FTW_CHDIR, FTW_CHDIR | FTW_DEPTH]


def assert_walk_corrected(raw: Output, patched: Output, dir_nlink: int = 2) -> None:
    def right(step: Step) -> Step:
        if step.nlink != 0:
            return step
        count = dir_nlink if stat.S_ISDIR(step.mode) else 1
        return Step(step.name, step.path, step.info, count, step.mode, step.place)

    assert [step for step in raw.steps if step.nlink == 0], "no lie, so the test shows nothing"
    assert patched.steps == [right(step) for step in raw.steps]
    assert patched.calls == raw.calls


@pytest.fixture
def compare(the_probe: Probe, shim: Shim) -> Callable[..., None]:
    def run(*words: object, dir_nlink: int = 2) -> None:
        raw = the_probe.run(*words, env=bare())
        assert_walk_corrected(raw, the_probe.run(*words, env=shim(dir_nlink=dir_nlink)), dir_nlink)

    return run


@pytest.mark.parametrize("entry", shaped(WALKS), ids=str)
@pytest.mark.parametrize("dir_nlink", [1, 2])
def test_whole_tree(entry: EntryPoint, dir_nlink: int, compare, lying_mount):
    """fts_nlink, by which glibc skips subfolders, is among what must not change."""
    compare(entry.name, lying_mount.path, dir_nlink=dir_nlink)


@pytest.mark.parametrize("entry", shaped(FTS), ids=str)
@pytest.mark.parametrize("flags", FTS_FLAGS)
def test_fts_options(entry: EntryPoint, flags: int, compare, lying_mount):
    compare(f"flags={flags}", entry.name, lying_mount / "movies")


@pytest.mark.parametrize("entry", shaped(FTS), ids=str)
@pytest.mark.parametrize("how", [FTS_PHYSICAL, FTS_LOGICAL])
def test_fts_that_did_not_stat(entry: EntryPoint, how: int, the_probe: Probe, lying_mount, shim: Shim):
    """With FTS_NOSTAT glibc leaves fts_statp as malloc gave it: it is not for the shim to follow."""
    words = [f"flags={how | FTS_NOSTAT}", entry.name, lying_mount / "movies"]
    raw = the_probe.run(*words, env=bare(MALLOC_PERTURB_="165"))
    assert raw.steps and all(step.nlink is None for step in raw.steps)
    assert the_probe.run(*words, env=shim(MALLOC_PERTURB_="165")) == raw


@pytest.mark.parametrize("entry", shaped({"NFTW"}), ids=str)
@pytest.mark.parametrize("flags", NFTW_FLAGS)
def test_nftw_options(entry: EntryPoint, flags: int, compare, lying_mount):
    compare(f"flags={flags}", entry.name, lying_mount.path)


@pytest.mark.parametrize("entry", shaped(WALKS), ids=str)
@pytest.mark.parametrize("start", [".", "movies", "./shows", "to-movies/"])
def test_relative_start(entry: EntryPoint, start: str, compare, lying_mount):
    compare("chdir", lying_mount.path, entry.name, start)


@pytest.mark.parametrize("entry", shaped(FTS), ids=str)
@pytest.mark.parametrize("flags", [FTS_PHYSICAL, FTS_PHYSICAL | FTS_NOCHDIR])
def test_lies_below_an_honest_root(entry: EntryPoint, flags: int, compare, mount_gofuse):
    """Each is judged by its own name: as it lists children, fts keeps one path for all of them."""
    with mount_gofuse(nlink="getattr-only", attr_timeout="60s", entry_timeout="60s") as mount:
        compare("chdir", mount.path, f"flags={flags}", entry.name, ".")


@pytest.mark.parametrize("entry", shaped({"NFTW"}), ids=str)
def test_relative_start_with_chdir(entry: EntryPoint, compare, lying_mount):
    """The path that the callback is given does not lead anywhere from where it is called."""
    compare("chdir", lying_mount.path, f"flags={FTW_PHYS | FTW_CHDIR}", entry.name, "shows")


@pytest.mark.parametrize("entry", shaped(WALKS), ids=str)
def test_start_that_is_a_file_or_missing(entry: EntryPoint, the_probe: Probe, lying_mount, shim: Shim):
    words = [entry.name, lying_mount / "readme.txt", entry.name, lying_mount / "nothing"]
    raw, patched = the_probe.run(*words, env=bare()), the_probe.run(*words, env=shim())
    assert [step.nlink for step in patched.steps] == [
        1 if step.nlink == 0 else step.nlink for step in raw.steps
    ]
    assert patched.calls == raw.calls


@pytest.mark.parametrize("entry", shaped({"FTW", "NFTW"}), ids=str)
def test_under_musl(entry: EntryPoint, musl_probe: Probe, lying_mount, shim: Shim):
    """Where musl lacks a name, the shim's own of that name must serve."""
    raw = musl_probe.run(entry.name, lying_mount.path, env=bare())
    if raw.absent:
        raw = musl_probe.run(entry.relative, lying_mount.path, env=bare())
    patched = musl_probe.run(entry.name, lying_mount.path, env=shim())
    assert [(step.path, step.info) for step in patched.steps] == [
        (step.path, step.info) for step in raw.steps
    ]
    assert {step.nlink for step in patched.steps if step.nlink is not None} == {1, 2}


@pytest.mark.parametrize("entry", [e for e in shaped(FTS) if "64" not in e.name], ids=str)
def test_fts_of_another_libc_is_not_touched(entry: EntryPoint, musl_probe: Probe, lying_mount, shim: Shim):
    """musl has no fts of its own; where a distribution adds one, its structure is not glibc's to assume."""
    raw = musl_probe.run(entry.name, lying_mount.path, env=bare())
    if raw.absent:
        assert musl_probe.run(entry.name, "/etc", env=shim()).calls[0].returned == -1
    else:
        assert musl_probe.run(entry.name, lying_mount.path, env=shim()) == raw

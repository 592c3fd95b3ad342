"""A descriptor's 0 is a lie only where the file system is known to lie."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from harness import mounts
from harness.calls import assert_corrected, by_descriptor, by_name, takes_descriptor
from harness.preload import Shim, bare
from harness.probe import Probe
from harness.table import BY_DESCRIPTOR, BY_NAME, EntryPoint, shaped

DESCRIPTOR_CALLS = [entry for entry in shaped(BY_NAME, BY_DESCRIPTOR) if takes_descriptor(entry)]
OBJECTS = ["", "movies", "movies/film one.mkv", "movies/favourite", "readme.txt"]


@pytest.mark.parametrize("entry", DESCRIPTOR_CALLS, ids=str)
@pytest.mark.parametrize("name", OBJECTS, ids=lambda name: name or "root")
def test_first_call_of_the_process(
    entry: EntryPoint, name: str, each_probe: Probe, the_probe, lying_mount, shim: Shim
):
    """smbd's first call on a file is fstat of an O_PATH descriptor. The answer is right, and stays."""
    words = by_descriptor(entry, lying_mount / name, repeat=200)
    raw = each_probe.run(*words, env=bare())
    raw = the_probe.run(*words, env=bare()) if raw.absent else raw
    assert_corrected(entry, raw.calls, each_probe.run(*words, env=shim()).calls)


@pytest.mark.parametrize("entry", DESCRIPTOR_CALLS, ids=str)
def test_opened_for_reading(entry: EntryPoint, each_table: Probe, lying_mount, shim: Shim):
    words = by_descriptor(entry, lying_mount / "readme.txt", lying_mount / "shows", path_only=False, repeat=3)
    assert_corrected(
        entry, each_table.run(*words, env=bare()).calls, each_table.run(*words, env=shim()).calls
    )


@pytest.mark.parametrize("entry", [e for e in DESCRIPTOR_CALLS if e.shape in {"AT", "STATX"}], ids=str)
def test_null_path_is_a_descriptor_call(entry: EntryPoint, the_probe: Probe, lying_mount, shim: Shim):
    """Linux 6.11 takes NULL with AT_EMPTY_PATH; before it, the failure is passed through."""
    words = ["path-only=1", "open", lying_mount / "readme.txt", "null=1", entry.name, "@"]
    raw, patched = the_probe.run(*words, env=bare()), the_probe.run(*words, env=shim())
    if raw.call.returned == 0:
        assert_corrected(entry, raw.calls, patched.calls)
    else:
        assert patched == raw


@pytest.mark.parametrize("entry", shaped({"PATH", "AT", "XPATH", "STATX"}), ids=str)
@pytest.mark.parametrize(
    "path", [".", "..", "/proc/self/cwd", "/proc/self/fd/{fd}", "/proc/self/cwd/film one.mkv"]
)
def test_names_that_are_judged_as_descriptors_are_proven_too(
    entry: EntryPoint, path, the_probe, lying_mount, shim
):
    words = ["chdir", lying_mount / "movies", "path-only=1", "open", "film one.mkv", entry.name, path]
    assert_corrected(entry, the_probe.run(*words, env=bare()).calls, the_probe.run(*words, env=shim()).calls)


def partial_liars(mount_gofuse, mount_scripted):
    """Mounts that lie about some entries alone, with paths of a lying and of an honest one."""
    return {
        "go-fuse, files": (
            lambda: mount_gofuse(nlink="honest-folders"),
            ["readme.txt", "movies/poster.jpg"],
            ["movies", ""],
        ),
        "libfuse, files": (lambda: mount_scripted("lying-files"), ["file", "folder/inner"], ["folder", ""]),
        "libfuse, folders": (
            lambda: mount_scripted("lying-folders"),
            ["folder", ""],
            ["file", "folder/inner"],
        ),
    }


@pytest.mark.parametrize(
    "entry", [e for e in DESCRIPTOR_CALLS if e.name in {"fstat", "fstatat", "statx"}], ids=str
)
@pytest.mark.parametrize("kind", ["go-fuse, files", "libfuse, files", "libfuse, folders"])
def test_only_some_entries_lie(
    entry: EntryPoint, kind: str, each_table, mount_gofuse, mount_scripted, shim: Shim
):
    """restic's mounts of Windows snapshots: the root tells the truth, so the open file is the proof."""
    mount, lying, honest = partial_liars(mount_gofuse, mount_scripted)[kind]
    with mount() as mounted:
        words = by_descriptor(entry, *(mounted / name for name in lying), repeat=20)
        assert_corrected(
            entry, each_table.run(*words, env=bare()).calls, each_table.run(*words, env=shim()).calls
        )
        words += by_descriptor(entry, *(mounted / name for name in honest))
        assert (
            each_table.run(*words, env=shim()).calls[len(lying) :]
            == each_table.run(*words, env=bare()).calls[len(lying) :]
        )
        if entry.shape in {"AT", "STATX"}:
            words = by_name(entry, *(mounted / name for name in lying))
            assert_corrected(
                entry, each_table.run(*words, env=bare()).calls, each_table.run(*words, env=shim()).calls
            )


@pytest.mark.parametrize("order", ["name first", "descriptor first"])
def test_zeros_that_come_and_go(order: str, the_probe: Probe, mount_gofuse, shim: Shim):
    """decypharr's development builds: 0 in LOOKUP, right in GETATTR, cached for 30 s."""
    with mount_gofuse(nlink="getattr-only", attr_timeout="30s", entry_timeout="30s") as mount:
        by_name_words = ["stat", mount / "movies", "stat", mount / "readme.txt"]
        by_fd_words = by_descriptor(shaped({"FD"})[0], mount / "movies", mount / "readme.txt", repeat=10)
        words = by_name_words + by_fd_words if order == "name first" else by_fd_words + by_name_words
        assert the_probe.run(*words, env=bare()).nlinks == [0, 0, 0, 0]
        assert the_probe.run(*words, env=shim()).nlinks == [2, 1, 2, 1]
        asked_afresh = ["flags=0x2000", "statx", mount / "readme.txt"]  # AT_STATX_FORCE_SYNC
        assert the_probe.run(*asked_afresh, env=bare()).nlinks == [1]
        assert the_probe.run(*asked_afresh, "stat", mount / "readme.txt", env=shim()).nlinks == [1, 1]


def test_the_root_is_a_proof_where_the_file_is_covered(each_table: Probe, mount_gofuse, folder, shim: Shim):
    """Another file is mounted over the open one, so its path does not lead back to it."""
    (folder / "cover").write_text("")
    with mount_gofuse() as mount:
        script = [
            "path-only=1",
            "open",
            mount / "readme.txt",
            "pause",
            "opened",
            "fstat",
            "@",
            "stat",
            mount / "readme.txt",
        ]
        with each_table.paused(*script, env=shim()) as probe:
            probe.until("opened")
            with mounts.bound(folder / "cover", mount / "readme.txt"):
                assert probe.rest().nlinks == [1, 1]


def test_a_covered_file_under_an_honest_root_cannot_be_proven(
    the_probe: Probe, mount_gofuse, folder, shim: Shim
):
    (folder / "cover").write_text("")
    with mount_gofuse(nlink="honest-folders") as mount:
        script = ["path-only=1", "open", mount / "readme.txt", "pause", "opened", "fstat", "@"]
        with the_probe.paused(*script, env=shim()) as probe:
            probe.until("opened")
            with mounts.bound(folder / "cover", mount / "readme.txt"):
                assert probe.rest().nlinks == [0]


def test_a_name_that_the_kernel_wrongly_calls_deleted(the_probe: Probe, mount_scripted, folder, shim: Shim):
    """A lookup that fails for a moment makes the kernel drop the name of a file that lives on."""
    trouble = folder / "trouble"
    with mount_scripted("lying-files", fail_while=trouble, attr_timeout=0, entry_timeout=0) as mount:
        script = ["path-only=1", "open", mount / "file", "pause", "opened", "fstat", "@"]
        with the_probe.paused(*script, env=shim()) as probe:
            probe.until("opened")
            trouble.touch()
            with pytest.raises(OSError):
                (mount / "file").stat()
            trouble.unlink()
            links = [link.readlink() for link in Path(f"/proc/{probe.process.pid}/fd").iterdir()]
            assert Path(f"{mount / 'file'} (deleted)") in links
            assert probe.rest().nlinks == [1]


def test_where_no_proof_is_possible_zero_stays(each_table: Probe, mount_gofuse, shim: Shim):
    """The mount of an open file is gone from this namespace: neither its path nor its root can be asked."""
    with mount_gofuse() as mount:
        script = ["open", mount / "readme.txt", "pause", "opened", "fstat", "@", "fstatat", "@", "statx", "@"]
        with each_table.paused(*script, env=shim()) as probe:
            probe.until("opened")
            mounts.detach_top(mount.path)
            calls = probe.rest().calls
        assert [(call.returned, call.nlink, stat.S_ISREG(call.mode)) for call in calls] == [(0, 0, True)] * 3

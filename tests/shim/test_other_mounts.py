"""A proof never walks a path across another mount: that may be dead, or be served by the host itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import MOUNTINFO_ONLY, Probe

JUDGED_FOR = "1.1"  # seconds: what is cached of a mount is surely forgotten
WAITS = 5.0  # seconds: whoever asks a stopped daemon takes longer

FILE_CALLS = ["fstat", "@", "statx", "@", "fstatat", "@"]


@contextlib.contextmanager
def stopped(mount: mounts.FuseMount) -> Iterator[None]:
    mount.freeze()
    try:
        yield
    finally:
        mount.thaw()


@contextlib.contextmanager
def bindfs_over_itself(place: Path, env: dict[str, str]) -> Iterator[mounts.FuseMount]:
    require("bindfs")
    variables = [f"{name}={value}" for name, value in env.items()]
    with mounts.served(place, ["env", *variables, "bindfs", "-f", str(place), str(place)]) as mount:
        yield mount


@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_bindfs_over_the_folder_that_it_serves(nlink: str, the_probe: Probe, mount_gofuse, shim: Shim):
    """bindfs asks for `.`, whose path leads to its own mount: a lookup of that would wait for itself."""
    with mount_gofuse(nlink=nlink) as below:
        names = ["", "movies", "readme.txt", "movies/film one.mkv"]
        with bindfs_over_itself(below.path, {"LD_PRELOAD": str(shim.path)}) as front:
            assert front.fstype == "fuse"
            words = [word for name in names for word in ("statx", front / name, "fstat", front / name)]
            counts = the_probe.run(*words, env=bare(), timeout=WAITS).nlinks
            assert counts[:6] == (
                [2, 2, 2, 2, 1, 1] if nlink == "0" else [counts[0]] * 2 + counts[2:4] + [1, 1]
            )
            assert 0 not in counts
            assert {"empty", "movies", "readme.txt"} <= {path.name for path in front.path.iterdir()}


@pytest.mark.parametrize("nlink, folder_count, file_count", [("0", 2, 1), ("honest-folders", None, 0)])
@pytest.mark.parametrize("alive", [False, True], ids=["stopped", "alive"])
def test_a_mount_inside_another(
    alive: bool, nlink: str, folder_count, file_count, each_table: Probe, mount_gofuse, shim: Shim
):
    """No call on an open descriptor of the inner mount waits for the outer daemon."""
    with mount_gofuse("outer", nlink="honest") as outer, mount_gofuse("outer/empty", nlink=nlink) as inner:
        of_folder: list[object] = ["open", inner / "movies", "pause", "folder", *FILE_CALLS]
        of_file: list[object] = ["path-only=1", "open", inner / "readme.txt", "pause", "file", *FILE_CALLS]
        with (
            each_table.paused(*of_folder, env=shim()) as folder,
            each_table.paused(*of_file, env=shim()) as file,
        ):
            folder.until("folder")
            file.until("file")
            with contextlib.nullcontext() if alive else stopped(outer):
                counts = set(folder.rest(WAITS).nlinks)
                assert counts == {folder_count} if folder_count else 0 not in counts
                # A file has no `..`, and only this descriptor: nothing is left to ask.
                assert set(file.rest(WAITS).nlinks) == {0}


def test_a_folder_is_proven_from_its_parent(each_table: Probe, mount_gofuse, mount_scripted, shim: Shim):
    """Under an honest root, in a place to which no path may be walked."""
    with (
        mount_gofuse("outer", nlink="honest") as outer,
        mount_scripted("honest-root", "outer/empty") as inner,
    ):
        script: list[object] = ["path-only=1", "open", inner / "folder/sub", "pause", "opened", *FILE_CALLS]
        with each_table.paused(*script, env=shim()) as probe:
            probe.until("opened")
            with stopped(outer):
                assert probe.rest(WAITS).nlinks == [2, 2, 2]


@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_from_a_working_directory_in_the_same_mount(nlink: str, each_table: Probe, mount_gofuse, shim: Shim):
    """As smbd does it: then files are found again by the way down from the mount's root."""
    with mount_gofuse("outer", nlink="honest") as outer, mount_gofuse("outer/empty", nlink=nlink) as inner:
        script: list[object] = ["chdir", inner / "movies"]
        script += ["path-only=1", "open", inner / "readme.txt", "pause", "opened", *FILE_CALLS]
        with each_table.paused(*script, env=shim()) as probe:
            probe.until("opened")
            with stopped(outer):
                assert probe.rest(WAITS).nlinks == [1, 1, 1]


@pytest.mark.parametrize("name, verb", [("readme.txt", "unlink"), ("empty", "rmdir")])
def test_removed_while_open_in_such_a_place(
    name: str, verb: str, each_table: Probe, mount_gofuse, shim: Shim
):
    with mount_gofuse("outer", nlink="honest") as outer, mount_gofuse("outer/empty", nlink="honest") as inner:
        script: list[object] = ["chdir", inner / "movies", "open", inner / name, verb, inner / name]
        script += ["pause", "removed", "repeat=50", "fstat", "@", *FILE_CALLS]
        with each_table.paused(*script, env=shim()) as probe:
            probe.until("removed")
            with stopped(outer):
                assert probe.rest(WAITS).nlinks == [0, 0, 0, 0]


@pytest.mark.parametrize("cover", ["on it", "on a folder above it", "on a folder in it"])
def test_a_dead_mount_comes_over_an_open_file(
    cover: str, each_table: Probe, mount_gofuse, folder: Path, shim: Shim
):
    (folder / "above").mkdir()
    where = {
        "on it": "above/mount",
        "on a folder above it": "above",
        "on a folder in it": "above/mount/movies",
    }
    with mount_gofuse("above/mount", nlink="honest-folders") as mount:
        script: list[object] = [
            "path-only=1",
            "open",
            mount / "movies/poster.jpg",
            "pause",
            "warm",
            "fstat",
            "@",
        ]
        script += ["pause", "opened", "sleep", JUDGED_FOR, *FILE_CALLS]
        with each_table.paused(*script, env=shim()) as probe:
            probe.until("warm")
            probe.go_on()
            assert probe.until("opened").nlinks == [1]
            with mount_gofuse(where[cover], nlink="honest") as dead, stopped(dead):
                # What was shown to be a lie stays one.
                assert probe.rest(WAITS).nlinks == [1] * 3


def test_a_host_that_covers_its_own_folder_within_the_second(each_table: Probe, mount_gofuse, shim: Shim):
    """What was judged of the path a moment ago does not hold any more."""
    with mount_gofuse("mount", nlink="honest-folders") as mount:
        script: list[object] = ["open", mount / "readme.txt", "fstat", "@", "pause", "judged", *FILE_CALLS]
        with each_table.paused(*script, env=shim()) as probe:
            assert probe.until("judged").nlinks == [1]
            with mount_gofuse("mount", nlink="honest") as dead, stopped(dead):
                assert probe.rest(WAITS).nlinks == [1] * 3


def test_hidden_below_a_dead_mount_from_the_start(each_table: Probe, mount_gofuse, shim: Shim):
    """Folders are proven from their `..`, and the root by what it shows itself."""
    with mount_gofuse("mount") as mount:
        of_root: list[object] = ["open", mount.path, "pause", "root", *FILE_CALLS]
        of_folder: list[object] = ["open", mount / "movies", "pause", "folder", *FILE_CALLS]
        with (
            each_table.paused(*of_root, env=shim()) as root,
            each_table.paused(*of_folder, env=shim()) as folder,
        ):
            root.until("root")
            folder.until("folder")
            with mount_gofuse("mount", nlink="honest") as dead, stopped(dead):
                assert root.rest(WAITS).nlinks == [2, 2, 2]
                assert folder.rest(WAITS).nlinks == [2, 2, 2]


@pytest.mark.parametrize("name, kind, count", [("folder", "honest-root", 2), ("file", "lying-files", 1)])
def test_binds_of_a_part(
    name: str, kind: str, count: int, each_table, mount_scripted, folder: Path, shim: Shim
):
    place = folder / "bind"
    place.mkdir() if name == "folder" else place.write_text("")
    with mount_scripted(kind) as mount, mounts.bound(mount / name, place):
        assert each_table.run("path-only=1", "open", place, *FILE_CALLS, env=shim()).nlinks == [count] * 3


@pytest.mark.parametrize("name, verb", [("empty", "rmdir"), ("readme.txt", "unlink")])
def test_binds_of_what_was_removed(name: str, verb: str, each_table, mount_gofuse, folder: Path, shim: Shim):
    """The bind keeps it, but its 0 is true."""
    place = folder / "bind"
    place.mkdir() if name == "empty" else place.write_text("")
    with mount_gofuse(nlink="honest") as mount, mounts.bound(mount / name, place):
        words = ["path-only=1", "open", place, verb, mount / name, *FILE_CALLS]
        words += ["open", mount / "movies", "fstat", "@", "open", place, *FILE_CALLS]
        assert each_table.run(*words, env=shim()).nlinks == [0, 0, 0, 2, 0, 0, 0]


def test_in_a_chroot_with_its_own_proc(each_table: Probe, lying_mount, folder: Path, shim: Shim):
    """The root of the process is no mount point, and the host lives on it."""
    for name in ("proc", "lying"):
        (folder / name).mkdir()
    with mounts.mounted("proc", folder / "proc", "proc"), mounts.bound(lying_mount.path, folder / "lying"):
        words = [
            "chroot",
            folder,
            "open",
            "/lying/readme.txt",
            *FILE_CALLS,
            "open",
            "/lying/movies",
            *FILE_CALLS,
        ]
        assert each_table.run(*words, env=shim()).nlinks == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    "denied",
    [
        "statx=1",
        "statx=38",
        "openat2=1",
        "openat2=38",
        "statmount=1",
        "statmount=38",
        "listmount=1",
        "listmount=38",
    ],
)
@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_where_a_filter_denies_a_call(denied: str, nlink: str, the_probe: Probe, mount_gofuse, shim: Shim):
    """By fdinfo instead of statx; by the whole path, not the way up; by mountinfo. Truth stays truth."""
    with mount_gofuse(nlink=nlink) as mount, mount_gofuse("other", nlink="honest") as honest:
        words = [
            "deny",
            denied,
            "open",
            mount / "readme.txt",
            "fstat",
            "@",
            "fstatat",
            "@",
            "repeat=20",
            "fstat",
            "@",
        ]
        words += [
            "open",
            honest / "readme.txt",
            "unlink",
            honest / "readme.txt",
            "fstat",
            "@",
            "fstatat",
            "@",
        ]
        assert the_probe.run(*words, env=shim()).nlinks == [1, 1, 1, 0, 0]


def mountinfo_reads(probe: Probe, words: list[object], shim: Shim, log: Path) -> int:
    traced = ["strace", "-f", "-qq", "-e", "trace=openat", "-o", str(log), *probe.command(*words)]
    processes.run(traced, env=shim(), timeout=60)
    return log.read_text().count("/mountinfo")


@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_mountinfo_is_read_once_a_second(nlink: str, the_probe, mount_gofuse, folder: Path, shim: Shim):
    """For the scope and for the proof together. strace makes the calls last some seconds."""
    require("strace")
    with mount_gofuse(nlink=nlink) as mount:
        words: list[object] = [*MOUNTINFO_ONLY, "open", mount / "readme.txt"]
        assert mountinfo_reads(the_probe, [*words, "fstat", "@"], shim, folder / "log") == 1
        started = time.monotonic()
        reads = mountinfo_reads(the_probe, [*words, "repeat=3000", "fstat", "@"], shim, folder / "log")
        assert 1 <= reads <= 2 + time.monotonic() - started


def test_mountinfo_is_not_read_where_the_kernel_tells(the_probe, mount_gofuse, folder: Path, shim: Shim):
    require("strace")
    require("statmount")
    with mount_gofuse() as mount:
        words = ["stat", mount / "readme.txt", "open", mount / "readme.txt", "repeat=10", "fstat", "@"]
        assert mountinfo_reads(the_probe, words, shim, folder / "log") == 0


def test_a_child_mount_elsewhere_does_not_forbid(each_table: Probe, mount_gofuse, folder: Path, shim: Shim):
    (folder / "disk").mkdir()
    with mount_gofuse(nlink="honest-folders") as mount, mounts.bound(folder / "disk", mount / "empty"):
        words = ["path-only=1", "open", mount / "readme.txt", "repeat=20", "fstat", "@"]
        assert each_table.run(*words, env=shim()).nlinks == [1]


def test_stacked_on_a_dead_mount(each_table: Probe, mount_gofuse, shim: Shim):
    """After a crash the daemon is started again over what is left: the path leads to the new one."""
    with (
        mount_gofuse("mount", nlink="honest") as dead,
        mount_gofuse("mount", nlink="honest-folders") as mount,
    ):
        dead.kill()
        words = ["path-only=1", "open", mount / "readme.txt", *FILE_CALLS]
        assert each_table.run(*words, env=shim(), timeout=WAITS).nlinks == [1, 1, 1]

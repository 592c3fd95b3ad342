"""A descriptor's 0 that was shown to be a lie stays one until there is counter-evidence."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import mounts
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import Probe

NOBODY = "65534"
SECOND = "1.1"  # what is cached is surely forgotten

RENAMES = """
import os, sys
while True:
    os.rename(sys.argv[1], sys.argv[2])
    os.rename(sys.argv[2], sys.argv[1])
"""


@contextlib.contextmanager
def renamed_all_the_time(path: Path) -> Iterator[None]:
    """By another process, to and fro."""
    command = [sys.executable, "-c", RENAMES, str(path), f"{path}.new"]
    with subprocess.Popen(command, env=bare(), stderr=subprocess.DEVNULL) as renamer:
        try:
            yield
            assert renamer.poll() is None
        finally:
            renamer.kill()


def watched(
    probe: Probe, words: list[object], shim: Shim, calls: int, timeout: float = 60.0
) -> dict[str, int]:
    """After the words, that many calls by the descriptor they opened."""
    return probe.run(*words, f"repeat={calls}", "watch", "-", env=shim(), timeout=timeout).storm()


@pytest.mark.parametrize("interval, first", [(1000, []), (150, ["fstat", "@"])], ids=["some", "each"])
def test_interrupted_proofs(interval: int, first: list[object], the_probe: Probe, mount_gofuse, shim: Shim):
    """The daemon honours FUSE_INTERRUPT, and the host has a timer.

    Some of the proofs are made again; where each one is interrupted, what was shown before holds.
    """
    options = {"latency": "300us", "interruptible": True, "entry_timeout": "0s", "attr_timeout": "1h"}
    with mount_gofuse(nlink="honest-folders", **options) as mount:
        words = ["path-only=1", "open", mount / "readme.txt", *first, f"interval={interval}"]
        result = watched(the_probe, words, shim, 1500)
    assert (result["calls"], result["zeros_before"], result["zeros"], result["failed"]) == (1500, 0, 0, 0)


@pytest.mark.parametrize(
    "kind, what",
    [
        ("lying-files", "folder/inner"),
        ("lying-files", "folder/sub/leaf"),
        ("honest-root", "folder"),
        ("honest-root", "folder/sub"),
    ],
)
def test_a_folder_is_renamed_meanwhile(kind: str, what: str, the_probe: Probe, mount_scripted, shim: Shim):
    with mount_scripted(kind) as mount:
        words = [
            "path-only=1",
            "open",
            mount / what,
            "fstat",
            "@",
            "pause",
            "opened",
            "repeat=20000",
            "watch",
            "-",
        ]
        with the_probe.paused(*words, env=shim()) as probe:
            first = probe.until("opened").nlinks
            with renamed_all_the_time(mount / "folder"):
                result = probe.rest(60).storm()
    assert first != [0]
    assert (result["calls"], result["zeros"], result["failed"]) == (20000, 0, 0)


@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_a_user_who_may_not_search_a_parent(
    nlink: str, the_probe: Probe, mount_gofuse, folder: Path, shim: Shim
):
    """smbd changes its effective user for each request."""
    require("root")
    (folder / "private").mkdir(mode=0o700)
    with mount_gofuse("private/mount", nlink=nlink) as mount:
        opened = ["path-only=1", "open", mount / "readme.txt"]
        words = [*opened, "fstat", "@", "euid", NOBODY, "sleep", SECOND]
        result = watched(the_probe, words, shim, 100_000)
        assert (result["calls"], result["zeros_before"], result["zeros"]) == (100_000, 0, 0)
        # Who could not ask has found nothing out: neither for itself nor for the next.
        words = [
            *opened,
            "euid",
            NOBODY,
            "fstat",
            "@",
            "euid",
            "0",
            "fstat",
            "@",
            "euid",
            NOBODY,
            "fstat",
            "@",
        ]
        assert the_probe.run(*words, env=shim()).nlinks == [0, 1, 1]


def test_a_root_that_could_not_be_asked_is_not_taken_for_honest(
    the_probe: Probe, mount_gofuse, folder: Path, shim: Shim
):
    """Another file covers the open one, so that only the root can tell."""
    require("root")
    (folder / "private").mkdir(mode=0o700)
    (folder / "cover").write_text("")
    with mount_gofuse("private/mount") as mount:
        script = ["open", mount / "readme.txt", "pause", "opened", "euid", NOBODY, "fstat", "@", "euid", "0"]
        script += ["fstat", "@", "euid", NOBODY, "fstat", "@", "sleep", SECOND, "fstat", "@"]
        with the_probe.paused(*script, env=shim()) as probe:
            probe.until("opened")
            with mounts.bound(folder / "cover", mount / "readme.txt"):
                assert probe.rest().nlinks == [0, 1, 1, 1]


def test_a_user_in_the_mount_needs_no_parent(the_probe: Probe, mount_gofuse, folder: Path, shim: Shim):
    """With a working directory in it, nothing above is asked."""
    require("root")
    (folder / "private").mkdir(mode=0o700)
    with mount_gofuse("private/mount", nlink="honest-folders") as mount:
        words = ["chdir", mount / "movies", "path-only=1", "open", "poster.jpg", "euid", NOBODY, "fstat", "@"]
        assert the_probe.run(*words, env=shim()).nlinks == [1]


@pytest.mark.parametrize("serve", ["go-fuse", "libfuse"])
def test_unlinked_after_it_was_shown_to_lie(
    serve: str, the_probe: Probe, mount_gofuse, mount_scripted, shim: Shim
):
    """Truth is counter-evidence, at once and for good."""
    with (
        mount_gofuse(nlink="honest-folders") if serve == "go-fuse" else mount_scripted("lying-files") as mount
    ):
        file = mount / ("readme.txt" if serve == "go-fuse" else "file")
        words = [
            "open",
            file,
            "repeat=20",
            "fstat",
            "@",
            "unlink",
            file,
            "repeat=50",
            "fstat",
            "@",
            "sleep",
            SECOND,
        ]
        calls = the_probe.run(*words, "fstat", "@", env=shim()).calls
    assert [(call.nlink, call.same) for call in calls] == [(1, True), (0, True), (0, True)]


def test_a_new_file_under_the_name_of_an_unlinked_one(
    the_probe: Probe, mount_scripted, folder: Path, shim: Shim
):
    """Its name leads to another inode: it is gone."""
    with mount_scripted("lying-files", attr_timeout=0, entry_timeout=0) as mount:
        words = [
            "open",
            mount / "file",
            "fstat",
            "@",
            "unlink",
            mount / "file",
            "pause",
            "unlinked",
            "fstat",
            "@",
        ]
        with the_probe.paused(*words, env=shim()) as probe:
            assert probe.until("unlinked").nlinks == [1]
            (mount / "folder/inner").rename(mount / "file")
            assert probe.rest().nlinks == [0]


@pytest.mark.parametrize("length", [2040, 2048, 3000, 4000])
@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_long_paths(length: int, nlink: str, the_probe: Probe, mount_gofuse, folder: Path, shim: Shim):
    name = "readme.txt"
    missing = length - len(f"{folder}//{name}")
    long_ones = (missing - 50) // 200
    place = Path(*["d" * 199] * long_ones, "e" * (missing - 200 * long_ones))
    (folder / place).mkdir(parents=True)
    with mount_gofuse(place, nlink=nlink) as mount:
        assert len(str(mount / name)) == length
        words = ["stat", mount / name, "path-only=1", "open", mount / name, "repeat=20", "fstat", "@"]
        words += ["open", mount / "movies", "fstat", "@"]
        assert the_probe.run(*words, env=shim()).nlinks[:2] == [1, 1]


def test_descriptors_run_out_after_the_proof(the_probe: Probe, mount_gofuse, shim: Shim):
    """Then the mounts cannot be read any more, but what was shown holds."""
    with mount_gofuse() as lying, mount_gofuse("other", nlink="honest-folders") as files:
        for mount in (lying, files):
            words = [
                "limit",
                20,
                "path-only=1",
                "open",
                mount / "readme.txt",
                "fstat",
                "@",
                "fill",
                0,
                "sleep",
                SECOND,
            ]
            assert the_probe.run(*words, "fstat", "@", env=shim()).nlinks == [1, 1]


def test_a_reused_device_is_not_what_was_shown(the_probe: Probe, mount_gofuse, folder: Path, shim: Shim):
    """The same place, device and inode after a remount: truth again, even where it cannot be proven."""
    require("root")
    (folder / "private").mkdir(mode=0o700)
    place = folder / "private/mount"
    words = [
        "fstat",
        place / "readme.txt",
        "pause",
        "lying",
        "open",
        place / "readme.txt",
        "unlink",
        place / "readme.txt",
    ]
    words += ["euid", NOBODY, "sleep", SECOND, "fstat", "@"]
    for nlink in ("0", "honest-folders"):
        with (
            mount_gofuse("private/mount", nlink=nlink) as lying,
            the_probe.paused(*words, env=shim()) as probe,
        ):
            assert probe.until("lying").nlinks == [1]
            lying.unmount()
            with mount_gofuse("private/mount", nlink="honest"):
                assert probe.rest().nlinks == [0]
            mounts.detach(place)

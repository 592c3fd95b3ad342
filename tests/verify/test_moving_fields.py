"""Fields that move by themselves hide no lie, and the mount's own unrest is not held against the shim."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require
from harness.cli import nlinkshim

WAYS = [(), ("--thorough",), ("--every-entry-point",), ("--thorough", "--every-entry-point")]


@pytest.fixture(scope="module", params=["0s", "1s"])
def timeouts(request) -> dict[str, str]:
    """How long the kernel caches; at 0s every stat reaches the daemon."""
    return {"attr_timeout": request.param, "entry_timeout": request.param}


@pytest.mark.parametrize("way", WAYS)
def test_times_of_now_hide_no_lie(verify, mount_gofuse, timeouts, way):
    with mount_gofuse(now=True, **timeouts) as mount:
        code, found = verify(mount.path, *way)
    assert (code, found["verdict"], found["wrong"], found["left"]) == (0, "needed", 0, 0)
    assert found["lies"] == found["corrected"] == found["judged"] == found["entries"] > 20


@pytest.mark.parametrize("way", WAYS)
def test_times_of_now_on_the_honest_twin(verify, mount_gofuse, timeouts, way):
    with mount_gofuse(now=True, nlink="honest", **timeouts) as mount:
        code, found = verify(mount.path, *way)
    assert (code, found["verdict"], found["lies"]) == (0, "not-needed", 0)
    assert found["judged"] == found["entries"] > 20


@pytest.mark.parametrize("way", WAYS)
def test_times_of_now_with_the_shim_off(verify, mount_gofuse, timeouts, way):
    with mount_gofuse(now=True, **timeouts) as mount:
        code, found = verify(mount.path, "--scope", "off", *way)
    assert (code, found["verdict"], found["wrong"]) == (1, "ineffective", 0)
    assert found["lies"] == found["left"] == found["entries"] > 20


def test_what_moved_is_told(mount_gofuse):
    with mount_gofuse(now=True, attr_timeout="0s", entry_timeout="0s") as mount:
        outcome = nlinkshim("verify", mount.path)
    assert "changed in other fields" in outcome.out


@pytest.mark.parametrize(("honest", "level"), [(False, "it lies"), (True, "it tells the truth")])
def test_doctor_is_not_deceived_either(mount_gofuse, honest, level):
    nlink = {"nlink": "honest"} if honest else {}
    with mount_gofuse(now=True, attr_timeout="0s", entry_timeout="0s", **nlink) as mount:
        findings = nlinkshim("doctor", "--format", "json", mount.path).document["findings"]
    (found,) = (finding for finding in findings if finding["id"] == "link-counts")
    assert level in found["message"]


FSSPEC = """
import sys, fsspec, fsspec.fuse
tree = fsspec.filesystem("memory")
tree.pipe({"/top/file": b"x", "/top/folder/inner": b"y", "/top/folder/deep/leaf": b"z"})
fsspec.fuse.run(tree, "/top", sys.argv[1], foreground=True, threads=False)
"""


def test_fsspec(verify, folder):
    """Folders without a count, files with one, and times of now for all."""
    require("fsspec")
    with mounts.served(folder / "fsspec", [sys.executable, "-c", FSSPEC, str(folder / "fsspec")]) as mount:
        code, found = verify(mount.path)
        _, off = verify(mount.path, "--scope", "off")
    assert (code, found["verdict"], found["entries"]) == (0, "needed", 6)
    assert found["lies"] == found["corrected"] == off["left"] == 3


@pytest.fixture
def backup(folder: Path) -> Iterator[Path]:
    """What rdiff-backup-fs shows of a backup of two folders and two files."""
    require("rdiff-backup-fs", "fuse")
    source, mirror, point = (folder / name for name in ("source", "mirror", "point"))
    (source / "folder").mkdir(parents=True)
    point.mkdir()
    for name in ("file", "folder/inner"):
        (source / name).write_text(name)
    processes.run(["rdiff-backup", str(source), str(mirror)])
    processes.run(["rdiff-backup-fs", str(point), str(mirror)])
    processes.wait_until(lambda: mounts.topmost(point), 10, "mounting the backup")
    yield point
    mounts.detach(point)


def test_rdiff_backup_fs(verify, backup):
    """Its root and the folder of each backup count, what is in them does not."""
    code, found = verify(backup)
    assert (code, found["verdict"], found["entries"]) == (0, "needed", 5)
    assert found["lies"] == found["corrected"] == 3


def test_names_that_are_never_there_on_a_slow_mount(verify, mount_scripted):
    """They are looked for again and again, and the time limit is for one call."""
    with mount_scripted("listed-but-not-there", latency=0.15, entry_timeout=60, attr_timeout=60) as mount:
        code, found = verify(mount.path, "--timeout", "1.2", "--jobs", "1")
    assert (code, found["verdict"], found["ghosts"]) == (0, "not-needed", 3), found["cause"]

"""Mounts that the kernel's list does not have: the root of a chroot that is no mount point, a mount that was
detached while somebody stands in it. What is mounted there is not known, and is never guessed by path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import mounts
from harness.capability import require
from harness.cli import Outcome
from harness.namespace import privately
from harness.preload import bare

NOT_KNOWN = "what is mounted there is not known"


def run(*arguments: str, root: Path = Path("/"), cwd: Path = Path("/")) -> Outcome:
    """nlinkshim below another root or in another folder."""
    process = subprocess.run(
        [
            *([] if root == Path("/") else ["chroot", str(root)]),
            sys.executable,
            "-m",
            "nlinkshim",
            *arguments,
        ],
        env=bare(),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Outcome(process.returncode, process.stdout, process.stderr)


def furnish(root: Path) -> None:
    """Bind the folders of this host below a folder that is no mount point itself."""
    for entry in Path("/").iterdir():
        here = root / entry.name
        if entry.is_symlink():
            here.symlink_to(entry.readlink())
        elif entry.is_dir():
            here.mkdir()
            deep = 0 if entry.name == "tmp" else mounts.MS_REC  # root itself is there
            mounts.mount(str(entry), here, None, mounts.MS_BIND | deep)


@pytest.mark.parametrize("root_is_mount", [False, True])
def test_a_folder_of_a_chroot(folder: Path, root_is_mount: bool):
    require("root")

    def task() -> None:
        root = folder / "root"
        (root / "dfs").mkdir(parents=True)
        if root_is_mount:
            mounts.mount(str(root), root, None, mounts.MS_BIND)
        furnish(root)
        text = run("verify", "/dfs", root=root)
        (found,) = run("verify", "--format=json", "/dfs", root=root).document["mounts"]
        plain = run("verify", "--plain", "/dfs", root=root)
        (answer,) = [
            finding
            for finding in run("doctor", "--format=json", "/dfs", root=root).document["findings"]
            if finding["id"] == "path-mount"
        ]
        assert text.code == 3 and "retired" not in text.out, text
        assert plain.code == 0 and "retired" not in plain.out, plain
        if root_is_mount:
            assert "nothing is mounted at /dfs" in found["cause"]
            assert answer["level"] == "FAIL"
        else:
            assert (found["verdict"], found["mount_point"]) == ("incomplete", None)
            assert NOT_KNOWN in found["cause"] and "--plain" in found["remedy"]
            assert answer["level"] == "WARN" and NOT_KNOWN in answer["message"]

    privately(task)


@pytest.mark.parametrize("nlink", ["honest", "0"])
def test_a_mount_that_was_detached(mount_gofuse, nlink: str):
    """The shim cannot know it either: what it leaves there is no fault of it."""
    with mount_gofuse("detached", nlink=nlink) as mount:
        inside = os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            mounts.detach_top(mount.path)
            here = Path(f"/proc/self/fd/{inside}")
            outcome = run("verify", "--format=json", ".", cwd=here)
            plain = run("verify", "--plain", ".", cwd=here)
        finally:
            os.close(inside)
    (found,) = json.loads(outcome.out)["mounts"]
    assert (outcome.code, found["verdict"]) == (3, "incomplete"), found
    assert (found["fstype"], found["mount_point"]) == ("unknown", None)
    assert NOT_KNOWN in found["cause"]
    assert "NLINKSHIM_SCOPE" not in found["remedy"] and found["command"] is None
    assert plain.code == (0 if nlink == "honest" else 3) and "retired" not in plain.out

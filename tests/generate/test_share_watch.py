"""What the generated server tells of a mount that took the place of the one that it began with."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from pathlib import Path

from harness import gofuse, mounts
from harness.names import FOREIGN
from harness.processes import wait_until
from harness.releases import Running

ANEW = "was mounted anew: clients connect anew"


def listed(server: Running) -> set[str]:
    lines = server.client("dfs", "ls dfs/*").stdout.splitlines()
    return {line.split()[0] for line in lines if line.startswith("  ")}


def told(server: Running) -> list[str]:
    return [line for line in server.log().splitlines() if line.startswith("nlinkshim: ")]


def test_a_mount_that_only_its_owner_may_enter(every_release, release_dfs) -> None:
    """Clients get EACCES, and the log says why, once."""
    with release_dfs(), every_release("4.22").serving() as server:
        before = len(told(server))
        with release_dfs(allow_other=False):
            wait_until(lambda: len(told(server)) > before, 10, "a word on the mount")
            time.sleep(2.5)
            (line,) = told(server)[before:]
            assert "dfs was mounted anew, and is not ready: " in line
            assert "without allow_other" in line and "mount it with that option" in line


def test_other_names_than_before(every_release, release_dfs) -> None:
    """They are looked at again, what changed is told, and none hides another."""
    foreign = {"file": [f"{name}=4" for name in ("first", *FOREIGN, "a:b", "last")]}
    with release_dfs(), every_release("4.22").serving() as server:
        before = len(told(server))
        with release_dfs(**foreign):
            wait_until(lambda: "hold a reserved character" in server.log(), 10, "a look at the names")
            words = told(server)[before + 1 :]
            for word, line in zip(["it is left out", "are not UTF-8", "reserved"], words, strict=True):
                assert word in line
            assert f"{len(FOREIGN)} of " in words[1]
            wait_until(lambda: {"first", "last", "a:b", "movies"} <= listed(server), 5, "all names")
            before = len(told(server))
            with release_dfs(**foreign):
                wait_until(lambda: server.log().count(ANEW) == 2, 10, "noticing the next mount")
                time.sleep(1.5)
                assert len(told(server)) == before + 1
        with release_dfs():
            wait_until(lambda: "so it is loaded again" in server.log(), 10, "a look at the names")
            wait_until(lambda: "can cross now" in server.log(), 5, "a word on the names")


def test_a_parent_folder_that_was_removed(every_release, gofuse_program: Path, folder: Path) -> None:
    """What is mounted at its path from then on never comes."""
    parent = folder / "parent"
    parent.mkdir()
    release = dataclasses.replace(every_release("4.22"), parent=parent)
    with contextlib.ExitStack() as stack:
        with mounts.bound(parent, parent):
            mounts.share(parent)
            with gofuse.mount(gofuse_program, parent / "dfs"):
                server = stack.enter_context(release.serving())
        before = len(told(server))
        shutil.rmtree(parent)
        wait_until(lambda: len(told(server)) > before, 10, "a word on the folder")
        assert "was removed; start this container anew" in told(server)[-1]

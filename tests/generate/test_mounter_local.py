"""mounter cifs with local=: the node's own FUSE mount goes before the share, and no folder is ever empty.

There is no share here: in its place is an error. tests/lab has both.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from harness import gofuse, mounter, mounts, processes
from harness.capability import require

POLLER = Path(__file__).parents[1] / "lab" / "poller.py"
SENTINEL = "readme.txt"
NO_SHARE = "//127.0.0.1/none"
# what a kernel needs to put a mount below another
BENEATH = tuple(map(int, platform.release().split(".")[:2])) >= (6, 5)
QUICK = {"limit": 1, "patience": 3}

Start = Callable[..., AbstractContextManager[mounter.Mounter]]


@pytest.fixture(scope="module")
def script(build_folder: Path) -> Path:
    return mounter.generated(build_folder / "mounter-local")


@pytest.fixture
def folders(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Where the FUSE server mounts, and where the node's consumers look."""
    require("root")
    with (
        mounter.shared_folder(folder / "own") as own,
        mounter.shared_folder(folder / "seen") as seen,
    ):
        yield own / "dfs", seen / "dfs"
        mounts.detach(seen / "dfs")  # which stays when the script ends


@pytest.fixture
def start(script: Path, folder: Path, folders: tuple[Path, Path]) -> Start:
    """start(): the script with a guard that this machine's mount(8) can make; path=: with other tools."""
    own, seen = folders
    words = ["cifs", seen, NO_SHARE, "ro", "guest", f"sentinel={SENTINEL}", f"local={own}"]
    return partial(mounter.running, script, folder, *words, record=folder / "record", **QUICK)


@pytest.fixture
def serve(
    gofuse_program: Path, folders: tuple[Path, Path]
) -> Callable[..., AbstractContextManager[mounts.FuseMount]]:
    return partial(gofuse.mount, gofuse_program, folders[0], entry_timeout="0s", attr_timeout="0s")


@contextlib.contextmanager
def polled(seen: Path) -> Iterator[Callable[[], list[dict]]]:
    """A consumer that has the parent folder by rslave, and looks every 10 ms. What it saw, at the end."""
    view = seen.parent.with_name("view")
    view.mkdir()
    bind = f'mount --rbind {seen.parent} {view} && mount --make-rslave {view} && exec "$@"'
    command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", bind, "-"]
    poller = processes.start(
        [*command, sys.executable, "-I", str(POLLER), SENTINEL, f"consumer={view}/{seen.name}"],
        stdout=subprocess.PIPE,
    )

    def looked() -> list[dict]:
        os.killpg(poller.pid, signal.SIGTERM)
        out, _ = poller.communicate(timeout=10)
        return [json.loads(line) for line in out.splitlines()]

    try:
        yield looked
    finally:
        processes.stop(poller)


def shows(seen: Path, mount: mounts.FuseMount) -> bool:
    line = mounts.topmost(seen)
    return line is not None and line.device == mount.device


def said_twice(running: mounter.Mounter, word: str) -> bool:
    return sum(line.startswith(word) for line in running.lines()) == 2


def test_it_follows_the_nodes_own_mount(start: Start, serve, folders, tell):
    """Killed and replaced, ended and begun: consumers see the next one without a restart, never an empty
    folder, and a server that unmounts can end, whatever shows its mount."""
    _own, seen = folders
    with start() as running, polled(seen) as looked:
        running.wait_for("cannot mount", 20)
        with serve() as first:
            processes.wait_until(lambda: shows(seen, first), 20, "showing the mount")
            assert {entry.name for entry in seen.iterdir()} >= {SENTINEL}
            first.kill()
            running.wait_for("^unmounted", 5)
            mounts.detach(first.path)  # as the healer does
        with serve() as second:
            processes.wait_until(lambda: shows(seen, second), 20, "showing the next one")
            before = time.monotonic()
            mounts.detach_top(second.path)
            second.process.wait(20)
            tell(f"the server ended {time.monotonic() - before:.1f} s after it unmounted")
        with pytest.raises(PermissionError):
            any(seen.iterdir())
        with serve() as third:
            processes.wait_until(lambda: shows(seen, third), 20, "showing the last one")
            time.sleep(0.2)
            polls = looked()
    assert not [one for one in polls if one["seen"].startswith("EMPTY")]
    assert [one["seen"] for one in polls if one["last"]] == ["ok", "ok"], polls


def test_nobody_sees_a_change_of_mounts_or_of_scripts(start: Start, serve, folders):
    """The next mount goes below the one that is shown, which is then taken away; the next script takes it
    over."""
    _, seen = folders
    with serve() as first, start(limit=10) as running:
        processes.wait_until(lambda: shows(seen, first), 20, "showing the mount")
        with polled(seen) as looked, serve() as second:  # over the first
            processes.wait_until(lambda: said_twice(running, "shows"), 20, "showing the next one")
            assert shows(seen, second)
            assert mounter.is_guarded(seen.parent)
            assert running.terminate()[0] == 0
            with start() as following:
                following.wait_for("^took over the mount that was there, of ", 20)
                following.wait_for("^alive", 20)
                polls = looked()
    assert not [one for one in polls if one["seen"].startswith("EMPTY")]
    if BENEATH:
        assert [one["seen"] for one in polls] == ["ok", "ok"], polls


def test_what_lacks_its_sentinel_is_not_shown(start: Start, serve, folders, folder: Path):
    """Nor is what hangs; and neither holds up the end. With the tools that Alpine has."""
    require("busybox")
    own, seen = folders
    own.mkdir()
    tools = mounter.busybox_tools(folder / "bin")
    with start(interpreter=(str(tools / "sh"),), path=tools) as running:
        with mounts.mounted("none", own, "tmpfs"):
            (own / "other").touch()
            time.sleep(2)
            assert mounts.topmost(seen) is None
            (own / SENTINEL).touch()
            running.wait_for("^shows ", 20)
            running.wait_for("^alive", 20)
            (own / SENTINEL).unlink()
            running.wait_for("^empty .no readme.txt", 20)
            processes.wait_until(lambda: mounts.topmost(seen) is None, 20, "taking it away")
        with serve(latency="1h") as hung:
            time.sleep(2)
            assert mounts.topmost(seen) is None
            code, seconds = running.terminate()
            assert code == 0
            assert seconds < 1
            mounts.abort(hung.device)

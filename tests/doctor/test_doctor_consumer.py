"""doctor --consumer: what it says of propagation, against what the consumer really sees after a remount."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from harness import mounts, processes
from harness.cli import nlinkshim, one_clear_line
from namespaces import MS_PRIVATE, MS_SHARED

from nlinkshim.engines.doctor import container
from nlinkshim.engines.doctor.consumer import reached
from nlinkshim.engines.doctor.container import Consumer
from nlinkshim.engines.doctor.context import Context
from nlinkshim.errors import IncompleteError
from nlinkshim.mounts.table import parse_mountinfo


@contextlib.contextmanager
def consumer(folder: Path, volume: Path, flag: str) -> Iterator[tuple[int, Path]]:
    """A process that has `volume` at a place of its own, with this propagation, and not where it is here: its
    process id, and where it has it, seen from here."""
    view = folder / "view"
    view.mkdir(exist_ok=True)
    bind = (
        f"mount --rbind {volume} {view} && mount --make-{flag} {view}; mount --make-rprivate {folder}/place"
    )
    rest = f"while umount -l {folder}/place; do :; done 2>/dev/null; echo; exec sleep 300"
    command = ["unshare", "--mount", "--propagation", flag[1:], "sh", "-c", f"{bind}; {rest}"]
    process = processes.start(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline()
        yield process.pid, Path(f"/proc/{process.pid}/root{view}")
    finally:
        processes.stop(process, patience=0)


@pytest.fixture
def place(folder: Path) -> Iterator[Callable[[int], Path]]:
    """place(MS_SHARED): as that of conftest.py, but of another file system than the consumer's root."""
    here = folder / "place"
    here.mkdir()
    with mounts.mounted("none", here, "tmpfs"):

        def propagating(kind: int) -> Path:
            mounts.mount("none", here, None, kind)
            return here

        yield propagating


def lists(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(folder.iterdir())
    return False


@pytest.fixture
def asked(doctor) -> Callable[[Path, int], dict[str, str]]:
    return lambda path, pid: doctor(path, "--consumer", pid)[1]["consumer"]


@pytest.mark.parametrize("before", [True, False], ids=["mounted before", "mounted after"])
def test_a_consumer_that_receives_needs_no_samba(asked, place, mount_gofuse, folder, before: bool):
    here = place(MS_SHARED)
    with contextlib.ExitStack() as stack:
        if before:
            stack.enter_context(mount_gofuse(here / "dfs"))
        pid, view = stack.enter_context(consumer(folder, here, "rslave"))
        if not before:
            stack.enter_context(mount_gofuse(here / "dfs"))
        assert lists(view / "dfs")
        found = asked(here / "dfs", pid)
        assert found["level"] == "PASS"
        assert "no Samba needed here" in found["message"]
        assert f"{folder}/view/dfs" in found["message"]
        with mount_gofuse(here / "dfs"):  # over it
            assert asked(here / "dfs", pid)["level"] == "PASS"


def test_before_anything_is_mounted(asked, place, mount_gofuse, folder):
    here = place(MS_SHARED)
    (here / "dfs").mkdir()
    with consumer(folder, here, "rslave") as (pid, view):
        assert asked(here / "dfs", pid)["level"] == "PASS"
        with mount_gofuse(here / "dfs"):
            assert lists(view / "dfs")


@pytest.mark.parametrize("mounted", [True, False], ids=["mounted before", "mounted after"])
def test_each_part_that_can_be_missing(asked, mend, place, mount_gofuse, folder, mounted: bool):
    """The parent's sharing, the consumer's flag, the peer group in common. It may see the mount of now, and
    does not see the next."""

    def missing(words: str, volume: Path, flag: str) -> dict[str, str]:
        with contextlib.ExitStack() as stack:
            if mounted:
                stack.enter_context(mount_gofuse(here / "dfs"))
            pid, view = stack.enter_context(consumer(folder, volume, flag))
            if not mounted:
                stack.enter_context(mount_gofuse(here / "dfs"))
            found = asked(here / "dfs", pid)
            there = lists(view / "dfs")
            assert found["level"] == ("WARN" if there else "FAIL")
            assert words in found["message"], found
            assert "no Samba" not in found["message"]
            with mount_gofuse(here / "dfs") as later:  # over it
                assert (view / "dfs").stat().st_dev != os.makedev(*later.device)
        return found

    here = place(MS_PRIVATE)
    (here / "dfs").mkdir()
    mend(missing("is private, so it hands nothing on", here, "rslave"))
    found = missing("is private, and receives nothing", here, "rprivate")
    assert "rslave" in found["remedy"] and "HostToContainer" in found["remedy"]
    (folder / "other").mkdir()
    with mounts.bound(here, folder / "other") as other:
        mounts.mount("none", other, None, MS_PRIVATE)
        mounts.mount("none", other, None, MS_SHARED)
        missing("of another peer group", other, "rslave")


def test_a_volume_that_is_the_mount_itself(asked, place, mount_gofuse, folder):
    here = place(MS_SHARED)
    (here / "dfs").mkdir()
    with consumer(folder, here / "dfs", "rslave") as (pid, view), mount_gofuse(here / "dfs"):
        assert lists(view)
        found = asked(here / "dfs", pid)
        assert found["level"] == "WARN"
        assert "the folder below the mount" in found["message"]
        assert f"{here}, with the flag rslave" in found["remedy"]
    with mount_gofuse(here / "dfs") as first, consumer(folder, first.path, "rslave") as (pid, view):
        found = asked(first.path, pid)
        assert (found["level"], "follows no remount" in found["message"]) == ("WARN", True)
        first.kill()
        mounts.detach(first.path)
        with mount_gofuse(here / "dfs"):
            assert not lists(view)


HOST = b"1 0 8:1 / / rw - ext4 a rw\n2 1 8:1 /srv /srv rw shared:7 - ext4 a rw\n"
SLAVE = b"11 10 8:1 /srv /data rw master:7 - ext4 a rw\n"
FUSE = b"3 2 0:50 / /srv/dfs rw shared:9 - fuse.dfs dfs rw,user_id=0\n"


@pytest.mark.parametrize(
    ("sees", "level", "words"),
    [
        (SLAVE + b"12 11 0:50 / /data/dfs rw - fuse.dfs dfs rw\n", "PASS", "no Samba needed here"),
        (b"11 10 8:1 / /host rw master:3 propagate_from:7 - ext4 a rw\n"
         b"12 11 0:50 / /host/srv/dfs rw - fuse.dfs d rw\n",
         "PASS", "/host/srv/dfs"),
        (SLAVE, "FAIL", "start the consumer again"),
        (SLAVE + b"12 11 0:7 / /data rw - tmpfs t rw\n", "FAIL", "no part of /srv"),
        (b"11 10 0:33 / /data rw - cifs //dfs/dfs rw\n", "WARN", "through Samba, at /data"),
        (b"11 10 8:1 /other /data rw master:7 - ext4 a rw\n", "FAIL", "no part of /srv"),
    ],
    ids=["slave", "by way of another", "mounted later", "hidden", "cifs", "elsewhere"],
)  # fmt: skip
def test_by_the_lists_alone(sees: bytes, level: str, words: str):
    root = b"10 9 0:40 / / rw - overlay o rw\n"
    who = Consumer("media", 5, tuple(parse_mountinfo(root + sees)))
    table = parse_mountinfo(HOST + FUSE)
    context = Context("/srv/dfs", 1, consumer=who)
    context.__dict__.update(mounts=table, real_path="/srv/dfs", mount=table[2])
    (answer,) = reached(context)
    assert answer.level.value == level
    assert words in answer.message + str(answer.remedy)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/", "--consumer", "no-such-container"], "no such process"),
        (["/", "--consumer", "999999999"], "no such process"),
        (["/", "--consumer", "-x y"], "no such process"),
        (["/", "--consumer", ""], "--consumer"),
        (["--consumer", "1"], "expected PATH too"),
    ],
)
def test_a_consumer_that_is_none(arguments: list[str], words: str):
    arguments = [f"--consumer={arguments[-1]}" if word == "--consumer" else word for word in arguments[:-1]]
    done = nlinkshim("doctor", *arguments)
    assert done.code == 2
    assert one_clear_line(done), done.err
    assert words in done.err


def test_only_root_sees_a_consumer(monkeypatch: pytest.MonkeyPatch):
    """What the kernel says to another user, who may not read the list of mounts."""

    def refused(_: int) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(container, "read_mounts", refused)
    with pytest.raises(IncompleteError, match="only root can see its mounts"):
        container.consumer(str(os.getpid()))

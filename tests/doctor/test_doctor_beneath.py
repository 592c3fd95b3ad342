"""What doctor sees beneath a mount, against what is there once it is gone; and that the mount stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import mounter, mounts, processes
from harness.capability import require
from harness.guarding import attach, close_to_all, guard
from harness.namespace import MS_PRIVATE, mount_dead, mount_hung, privately
from harness.preload import bare
from namespaces import consumer

from nlinkshim.engines.doctor import emptiness
from nlinkshim.engines.doctor.beneath import judged, look_in_private
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.mount import mount_access
from nlinkshim.engines.doctor.result import Answer
from nlinkshim.guard import mapped_clone
from nlinkshim.mounts.table import Mount, read_mounts, visible_mount

NOBODY = 65534


def said(path: Path) -> tuple[Answer, Answer]:
    """beneath-mount and guard; the mounts stay as they are. The mount itself is not asked, as it may hang."""
    before = mounts_in(path.parent)
    context = Context(str(path), 20)
    context.__dict__.update(mount=visible_mount(path), real_path=str(path))
    (beneath,), (guarding,) = emptiness.beneath_mount(context), emptiness.guard(context)
    assert mounts_in(path.parent) == before
    return beneath, guarding


def mounts_in(folder: Path) -> list[Mount]:
    return [mount for mount in read_mounts() if folder in (Path(mount.path), *Path(mount.path).parents)]


def levels(path: Path) -> tuple[str, str]:
    beneath, guarding = said(path)
    return beneath.level.value, guarding.level.value


def open_to_all(folder: Path) -> None:
    folder.chmod(0o755)


def closed_to_users(folder: Path) -> None:
    folder.chmod(0)


def with_entries(folder: Path) -> None:
    (folder / "film.mkv").touch()
    folder.chmod(0)


KINDS: dict[Callable[[Path], None], tuple[str, str]] = {
    open_to_all: ("WARN", "WARN"),
    closed_to_users: ("PASS", "WARN"),
    with_entries: ("WARN", "WARN"),
    guard: ("PASS", "PASS"),
}


@pytest.mark.parametrize("place", ["disk", "tmpfs"])
@pytest.mark.parametrize("ailment", ["none yet", "dead", "hung"])
def test_each_folder(place: str, ailment: str, folder: Path):
    """Beneath a mount, whatever became of its daemon, as where nothing was ever mounted."""
    require("fuse", "idmap")

    def task() -> None:
        if place == "tmpfs":
            mounts.mount("none", folder, "tmpfs")
        for kind, wanted in KINDS.items():
            point = folder / kind.__name__ / "dfs"
            point.mkdir(parents=True)
            kind(point)
            if ailment != "none yet":
                mount_dead(point) if ailment == "dead" else mount_hung(point)
            assert levels(point) == wanted, kind
            if ailment != "none yet":
                assert visible_mount(point).is_fuse
                mounts.detach_top(point)
                assert levels(point) == wanted, kind
        beneath, guarding = said(folder / "with_entries" / "dfs")
        assert "1 entry" in beneath.message and beneath.command is None
        assert "root finds entries" in guarding.message and guarding.command is None

    privately(task)


@pytest.mark.parametrize("name", ["dfs", "it's; here", "in\nside", os.fsdecode(b"\xff")])
def test_the_remedy_works_beneath_the_mount(name: str, folder: Path):
    require("fuse")

    def task() -> None:
        point = folder / name
        point.mkdir()
        mount_hung(point)
        before = mounts_in(folder)
        beneath, _ = said(point)
        assert "uid 65534 finds an empty folder" in beneath.message
        processes.run(["sh", "-c", str(beneath.command)])
        assert mounts_in(folder) == before
        assert levels(point) == ("PASS", "WARN")
        mounts.detach_top(point)
        assert point.stat().st_mode & 0o777 == 0

    privately(task)


def test_entries_are_shown_by_the_remedy(folder: Path):
    require("fuse")

    def task() -> None:
        (folder / "dfs").mkdir()
        (folder / "dfs" / "film.mkv").touch()
        mount_hung(folder / "dfs")
        beneath, _ = said(folder / "dfs")
        assert "film.mkv" in processes.run(["sh", "-c", str(beneath.command)]).stdout
        assert visible_mount(folder / "dfs").is_fuse

    privately(task)


def test_a_mount_that_answers(doctor, mend, mount_gofuse, folder):
    """By the command line: the mount goes on, and its remedy was right."""
    with mount_gofuse("dfs") as mount:
        code, found = doctor(mount.path)
        assert (code, found["beneath-mount"]["level"], found["guard"]["level"]) == (0, "WARN", "WARN")
        mend(found["beneath-mount"])
        assert doctor(mount / "movies")[1]["beneath-mount"]["level"] == "PASS"
        assert any(mount.path.iterdir())
        with mounts.bound(mount / "movies", folder):  # a part of it, beside
            assert doctor(folder)[1]["beneath-mount"]["level"] == "WARN"


def test_nothing_propagates_from_the_look(place, mount_gofuse):
    here = place(mounts.MS_SHARED)
    with consumer() as sees, mount_gofuse(here / "dfs") as mount:
        assert said(mount.path)[0].level.value == "WARN"
        assert sees(mount.path)
        assert any(mount.path.iterdir())


def test_the_look_stays_in_a_chroot(folder: Path):
    require("fuse")

    def task() -> None:
        (root := folder / "root").mkdir()
        mounts.mount("/", root, None, mounts.MS_BIND | mounts.MS_REC)
        os.chroot(root)
        for name in ("dfs", "only-here"):
            (folder / name).mkdir()
        mounts.mount("none", folder / "only-here", "tmpfs")
        (folder / "only-here" / "marker").touch()
        mount_hung(point := folder / "dfs")
        mount = visible_mount(point)
        seen = dict(look_in_private({"point": str(point), "device": mount.device, "user": NOBODY}))
        assert seen["root"] == (0, 0)
        assert (folder / "only-here" / "marker").exists()

    privately(task)


def test_a_mount_on_a_mount(folder: Path):
    require("fuse")

    def task() -> None:
        point = folder / "dfs"
        point.mkdir()
        mounts.mount("none", point, "tmpfs", data="mode=755")
        mount_hung(point)
        beneath, guarding = said(point)
        assert beneath.level.value == "WARN" and "(tmpfs)" in beneath.message
        assert "another mount" in guarding.message
        mounts.detach(point)
        mount_dead(point)
        mount_hung(point)
        beneath, guarding = said(point)
        assert (beneath.level.value, guarding.level.value) == ("PASS", "PASS")
        assert "not connected" in beneath.message
        mounts.detach(point)
        mount_hung(point)
        mount_dead(point)
        before = mounts_in(folder)
        (beneath,) = emptiness.beneath_mount(Context(str(point), 1))
        assert beneath.level.value == "WARN" and "hangs" in beneath.message
        assert "fuse.test" in beneath.message
        assert mounts_in(folder) == before

    privately(task)


def test_a_folder_that_hangs_where_nothing_is_mounted(mount_gofuse):
    """Beneath there is a folder of another FUSE mount."""
    with mount_gofuse("outer", attr_timeout="0s", entry_timeout="0s", allow_other=True) as outer:
        point = outer / "movies"
        mounts.mount("none", point, "tmpfs")
        try:
            outer.freeze()
            context = Context(str(point), 1)
            mount = mounts_in(point)[-1]._replace(fstype="cifs")
            context.__dict__.update(real_path=str(point), mount=mount)
            (beneath,) = emptiness.beneath_mount(context)
            assert beneath.level.value == "WARN" and "hangs" in beneath.message
            assert list(emptiness.guard(context)) == []
        finally:
            outer.thaw()
            mounts.detach_top(point)


def test_the_root_and_a_folder_above_mounts(folder: Path):
    """No mount that could go, or more than one."""
    require("fuse")

    def task() -> None:
        (folder / "dfs").mkdir()
        mount_dead(folder / "dfs")
        for path in ("/", folder):
            context = Context(str(path), 5)
            assert list(emptiness.beneath_mount(context)) == list(emptiness.guard(context)) == []

    privately(task)


def test_a_file_system_that_takes_no_guard(folder: Path):
    require("overlay")

    def task() -> None:
        for name in ("lower", "upper", "work", "merged"):
            (folder / name).mkdir()
        data = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        mounts.mount("overlay", folder / "merged", "overlay", data=data)
        point = folder / "merged" / "parent" / "dfs"
        point.mkdir(parents=True)
        beneath, guarding = said(point)
        assert (beneath.level.value, guarding.level.value) == ("WARN", "WARN")
        assert "overlay takes no id map" in guarding.message
        assert "tmpfs" in str(guarding.remedy)

    privately(task)


def test_a_guard_that_does_not_close(folder: Path):
    """Its owner was changed, so that the map knows it."""
    require("fuse", "idmap")

    def task() -> None:
        point = folder / "p" / "dfs"
        point.mkdir(parents=True)
        guard(point)
        mounts.detach_top(point.parent)
        os.chown(point, 0, 0)
        attach(mapped_clone(str(point.parent)), point.parent)
        mount_hung(point)
        beneath, guarding = said(point)
        assert (beneath.level.value, guarding.level.value) == ("PASS", "WARN")
        assert "does not close" in guarding.message

    privately(task)


@pytest.mark.parametrize("kind", [None, MS_PRIVATE, mounts.MS_SHARED])
def test_a_guard_made_twice(kind: int | None, folder: Path):
    """As by two that start at once. (Once there is one, the kernel maps it no more.)"""
    require("idmap")

    def task() -> None:
        parent = folder / "p"
        (parent / "dfs").mkdir(parents=True)
        close_to_all(parent / "dfs")
        if kind is not None:
            mounts.mount(str(parent), parent, None, mounts.MS_BIND)
            mounts.mount("none", parent, None, kind)
        first, second = mapped_clone(str(parent)), mapped_clone(str(parent))
        attach(first, parent)
        assert levels(parent / "dfs") == ("PASS", "PASS")
        attach(second, parent)
        _, twice = said(parent / "dfs")
        assert twice.level.value == "WARN" and "more than once" in twice.message
        if kind == mounts.MS_SHARED:  # umount would take both
            assert twice.command is None and "until none is left" in str(twice.remedy)
            return
        processes.run(["sh", "-c", str(twice.command)])
        assert levels(parent / "dfs") == ("PASS", "PASS")

    privately(task)


@pytest.mark.parametrize("propagation", ["private", "slave"])
def test_who_took_the_parent_before_the_guard(propagation: str, folder: Path):
    """A container whose volume is private keeps the folder that anybody may list."""
    require("fuse", "idmap")

    def task() -> None:
        parent = folder / "p"
        (parent / "dfs").mkdir(parents=True)
        mounts.mount(str(parent), parent, None, mounts.MS_BIND)
        mounts.mount("none", parent, None, mounts.MS_SHARED)
        command = ["unshare", "--mount", "--propagation", propagation, "sh", "-c", "echo; exec sleep 60"]
        container = processes.start(command, stdout=subprocess.PIPE)
        try:
            assert container.stdout.readline()
            guard(parent / "dfs")
            mount_hung(parent / "dfs")
            _, guarding = said(parent / "dfs")
            assert (f"{container.pid} (sleep)" in guarding.message) == (propagation == "private")
            assert guarding.level.value == ("WARN" if propagation == "private" else "PASS")
        finally:
            processes.stop(container, patience=0)

    privately(task)


def test_the_guard_that_is_advised(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """By a mount(8) that makes one; an old one is named."""
    require("idmap", "mmdebstrap")
    path = mounter.newer_mount(folder)

    def task() -> None:
        point = folder / "it's" / "dfs"
        point.mkdir(parents=True)
        _, guarding = said(point)
        monkeypatch.setenv("PATH", path)
        _, advised = said(point)
        assert "util-linux" not in advised.message
        if guarding.command is None:
            assert "util-linux 2.39 makes a guard (here: 2." in guarding.message
        processes.run(["sh", "-c", str(advised.command)])
        assert levels(point) == ("PASS", "PASS")
        assert list(mount_access(Context(str(point), 5))) == []  # to be closed is no ailment
        (folder / "it's" / "beside").mkdir()
        mounts.mount("none", folder / "it's" / "beside", "tmpfs")
        mounts.detach_top(folder / "it's")
        os.chown(point, 0, 0)
        mounts.mount("none", folder / "it's" / "beside", "tmpfs")
        assert said(point)[1].command is None  # it would be covered

    privately(task)


def test_by_another_user_than_root(folder: Path):
    require("fuse")

    def task() -> None:
        point = folder / "dfs"
        point.mkdir(mode=0o755)
        mount_hung(point)
        context = Context(str(point), 5)
        assert context.mounts and context.mount
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        argument = {"point": str(point), "device": context.mount.device, "user": NOBODY}
        context.__dict__["beneath"] = judged(dict(look_in_private(argument)), NOBODY)
        (beneath,), (guarding,) = emptiness.beneath_mount(context), emptiness.guard(context)
        assert (beneath.level.value, guarding.level.value) == ("PASS", "PASS")
        assert "only root may look" in beneath.message and "only root may look" in guarding.message

    privately(task)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"], "capability SYS_ADMIN"),
        (["unshare", "--user", "--map-root-user", "--mount"], "belongs to the host"),
    ],
)
def test_in_a_container(command: list[str], reason: str, lying_mount):
    """Without the capability, or with one that holds for its own mounts alone."""
    program = [*command, sys.executable, "-m", "nlinkshim", "doctor", str(lying_mount.path)]
    done = processes.run(program, env=bare(), check=False)
    assert "Traceback" not in done.stderr
    (beneath,) = [line for line in done.stdout.splitlines() if "  beneath-mount: " in line]
    (guarding,) = [line for line in done.stdout.splitlines() if "  guard: " in line]
    assert beneath.startswith("PASS") and guarding.startswith("PASS")
    assert reason in beneath and reason in guarding

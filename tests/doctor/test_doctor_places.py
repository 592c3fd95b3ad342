"""doctor where the path misleads: covered mounts, odd names, other file systems, smbd without the shim."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require
from harness.namespace import MS_PRIVATE, mount_dead, mount_hung, privately
from harness.preload import Shim
from harness.samba import Share

from nlinkshim.engines.doctor import mount as checks
from nlinkshim.engines.doctor import samba
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.propagation import of_parent
from nlinkshim.engines.doctor.result import Answer
from nlinkshim.engines.status.result import Process, Survey
from nlinkshim.mounts.look import Look, Step
from nlinkshim.mounts.table import mount_of, read_mounts, visible_mount

ODD = ["архив", "in\nside", "ends\n", *map(os.fsdecode, (b"\x85", b"\x1e", b"\x0b\x1c", b"\xff")), "\x1b[31m"]


def only(answers) -> Answer:
    (answer,) = answers
    return answer


def test_the_mount_that_is_seen_and_not_a_covered_one(folder: Path):
    """Under a shared parent `mount --bind D D` makes two mounts, one below the other: a FUSE mount in D is
    copied into the covered one too, which stays shared when D is made private."""
    require("fuse")

    def task() -> None:
        top, place = folder / "top", folder / "top" / "d"
        (place / "dfs").mkdir(parents=True)
        for here in (top, place):
            mounts.mount(str(here), here, None, mounts.MS_BIND)
            mounts.mount("none", here, None, mounts.MS_SHARED | mounts.MS_REC)
        mount_dead(place / "dfs")
        copies = [mount for mount in read_mounts() if mount.path == str(place / "dfs")]
        assert len(copies) > 1
        assert only(of_parent(Context(str(place / "dfs"), 5))).level.value == "PASS"
        mounts.mount("none", place, None, MS_PRIVATE)
        context = Context(str(place / "dfs"), 5)
        answer = only(of_parent(context))
        assert answer.level.value == "WARN" and "it is private" in answer.message
        assert context.mount == visible_mount(place / "dfs") == mount_of(str(place / "dfs"), read_mounts())
        processes.run(["sh", "-c", str(answer.command)])
        assert only(of_parent(Context(str(place / "dfs"), 5))).level.value == "PASS"

    privately(task)


@pytest.mark.parametrize("name", ODD)
def test_a_dead_mount_with_an_odd_name(name: str, folder: Path):
    require("fuse")

    def task() -> None:
        point = folder / name / "dfs"
        point.mkdir(parents=True)
        mount_dead(point)
        context = Context(str(point), 5)
        assert only(checks.path_mount(context)).level.value == "PASS"
        ill = only(checks.mount_alive(context))
        assert ill.level.value == "FAIL" and "the FUSE daemon is gone" in ill.message
        before = read_mounts()
        processes.run(["sh", "-c", str(ill.command)])
        assert read_mounts() == [mount for mount in before if mount != context.mount]
        empty = only(checks.path_mount(Context(str(point), 5)))
        assert empty.level.value == "FAIL" and f"nothing is mounted at {point}: " in empty.message
        assert empty.command is None

    privately(task)


@pytest.mark.parametrize("name", ["архив", "in\nside", os.fsdecode(b"\x1e"), os.fsdecode(b"\xff")])
def test_a_lying_mount_with_an_odd_name(name: str, doctor, mount_gofuse):
    with mount_gofuse(name) as mount:
        _, found = doctor(mount.path)
        assert "fuse.lying" in found["path-mount"]["message"]
        assert "it lies" in found["link-counts"]["message"], found["link-counts"]
        assert found["propagation-parent"]["subject"].endswith(f"(holds {mount.path})")


def test_a_hung_mount_behind_a_link(folder: Path):
    """How far the links lead is known before the call that hangs."""
    require("fuse")

    def task() -> None:
        (folder / "real").mkdir()
        (folder / "link").symlink_to("real")
        descriptor = mount_hung(folder / "real")
        for path in (folder / "link", folder / "link" / "movies"):
            context = Context(str(path), 1)
            ill = only(checks.mount_alive(context))
            assert ill.level.value == "FAIL" and "the FUSE daemon hangs" in ill.message
            assert context.mount is not None and context.mount.path == str(folder / "real")
        waiting = subprocess.Popen(["stat", str(folder / "real")], stderr=subprocess.DEVNULL)
        before = read_mounts()
        processes.run(["sh", "-c", str(ill.command)])
        assert read_mounts() == [mount for mount in before if mount != context.mount]
        assert waiting.wait(5) != 0
        os.close(descriptor)

    privately(task)


def test_a_stale_mount(mount_scripted, folder: Path):
    """ESTALE is mended as a dead daemon is: by a new mount."""
    with mount_scripted("honest") as mount:
        context = Context(str(mount.path), 5)
        context.__dict__["look"] = Look({"statfs": Step(errno.ESTALE, 0.0)})
        ill = only(checks.mount_alive(context))
        assert ill.level.value == "FAIL" and "stale" in ill.message
        processes.run(["sh", "-c", str(ill.command)])
        assert mounts.topmost(mount.path) is None


@pytest.mark.parametrize("kind", ["lying", "honest"])
def test_an_overlay_proves_nothing(kind: str, request, doctor, folder: Path):
    require("overlay")
    lower = request.getfixturevalue(f"{kind}_mount").path
    for name in ("upper", "work", "merged"):
        (folder / name).mkdir()
    data = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work"
    with mounts.mounted("overlay", folder / "merged", "overlay", data=data) as merged:
        _, found = doctor(merged)
        assert found["path-mount"]["level"] == "WARN" and "overlay" in found["path-mount"]["message"]
        assert found["link-counts"]["level"] == ("FAIL" if kind == "lying" else "WARN")
        for finding in found.values():
            assert "truth" not in finding["message"] and "retired" not in str(finding["remedy"])


def test_an_ordinary_mount_where_fuse_should_be(doctor, folder: Path):
    """As a volume of Kubernetes whose FUSE server did not start."""
    (folder / "volume").mkdir()
    with mounts.mounted("none", folder / "volume", "tmpfs") as volume:
        code, found = doctor(volume)
        assert (code, found["path-mount"]["level"]) == (1, "FAIL")
        assert "no FUSE file system is mounted there: it is a tmpfs" in found["path-mount"]["message"]
        assert "link-counts" not in found


@pytest.mark.parametrize(("user", "said"), [(1000, "umask="), (0, "container")])
def test_a_fuse_mount_that_refuses(user: int, said: str, lying_mount, monkeypatch):
    """Its server's options are meant, not chmod; and nobody tells root to be root."""
    context = Context(str(lying_mount.path), 5, user)
    assert context.mount is not None and context.mount.allow_other
    look = Look({"list": Step(errno.EACCES, 0.0), "barred": Step(0, 0.0, context.path)})
    monkeypatch.setattr(checks, "look_at", lambda *_: look)
    answer = only(checks.mount_access(context))
    assert answer.level.value == "FAIL" and said in str(answer.remedy)
    assert answer.command is None
    assert "chmod" not in str(answer.remedy) and "as root" not in str(answer.remedy)


def judged(monkeypatch, server, path: Path | None) -> Answer:
    """smbd-running, of this server alone: others may run beside the tests."""
    real = samba.status

    def is_of_server(pid: int) -> bool:
        try:
            return os.getsid(pid) == server.pid  # a daemon leads a session of its own
        except ProcessLookupError:  # another test's, which ended meanwhile
            return False

    def status(name: str) -> Survey:
        return Survey(tuple(p for p in real(name=name).processes if is_of_server(p.pid)))

    with monkeypatch.context() as patch:
        patch.setattr(samba, "status", status)
        return only(samba.smbd_running(Context(None if path is None else str(path), 5)))


def test_smbd_without_the_shim(monkeypatch, serve_smb, lying_mount, honest_mount, shim: Shim):
    """The outage that this product is for: a failure where the mount lies."""
    share = {"dfs": Share(lying_mount.path)}
    with serve_smb(share) as server:
        ill = judged(monkeypatch, server, lying_mount.path)
        assert ill.level.value == "FAIL" and str(server.pid) in ill.message and "lies" in ill.message
        assert "systemctl" in str(ill.remedy)
        assert judged(monkeypatch, server, None).level.value == "FAIL"
        well = judged(monkeypatch, server, honest_mount.path)
        assert well.level.value == "PASS" and "no lie was seen" in well.message
        assert judged(monkeypatch, server, Path("/etc")).level.value == "WARN"
    with serve_smb(share, env=shim()) as server:
        assert judged(monkeypatch, server, lying_mount.path).level.value == "PASS"


def test_smbd_that_cannot_see_the_mount(monkeypatch, lying_mount):
    """In a mount namespace without it, as in another container."""
    hide = 'while umount -l "$1"; do :; done 2>/dev/null; echo; exec sleep 60'
    command = ["unshare", "--mount", "sh", "-c", hide, "sh", str(lying_mount.path)]
    elsewhere = processes.start(command, stdout=subprocess.PIPE)
    try:
        assert elsewhere.stdout.readline()
        for pid, level in ((elsewhere.pid, "WARN"), (os.getpid(), "FAIL")):
            bare = Process(pid, 1, "smbd", mapped=False, problem="the shim is not loaded")
            monkeypatch.setattr(samba, "status", lambda name, bare=bare: Survey((bare,)))
            assert only(samba.smbd_running(Context(str(lying_mount.path), 5))).level.value == level
    finally:
        processes.stop(elsewhere, patience=0)

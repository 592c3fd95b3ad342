"""doctor on a real mount, well and ill: each finding true, each remedy tried."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.cli import nlinkshim, one_clear_line
from harness.preload import bare

from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.mount import mount_access
from nlinkshim.mounts.look import Look, Step, look_in_steps

NOBODY = 65534
FUSE_CONTROL = Path("/sys/fs/fuse/connections")


def levels(found) -> dict[str, str]:
    return {name: finding["level"] for name, finding in found.items()}


def test_a_healthy_lying_mount(doctor, lying_mount):
    code, found = doctor(lying_mount.path)
    assert code == 0
    for name in ("shim-loads", "shim-noexec", "proc", "seccomp", "smbd"):
        assert found[name]["level"] == "PASS", found[name]
    for name in ("path-mount", "mount-alive", "mount-access", "link-counts"):
        assert found[name]["level"] == "PASS", found[name]
        assert found[name]["remedy"] is None
        assert found[name]["subject"] == str(lying_mount.path)
    assert "it lies" in found["link-counts"]["message"]
    assert "corrects every one" in found["link-counts"]["message"]
    assert "fuse.lying" in found["path-mount"]["message"]


def test_an_honest_mount(doctor, honest_mount):
    _, found = doctor(honest_mount.path)
    assert found["link-counts"]["level"] == "PASS"
    assert "tells the truth" in found["link-counts"]["message"]


def test_lies_that_the_shim_leaves(doctor, lying_mount):
    code, found = doctor(lying_mount.path, env={"NLINKSHIM_SCOPE": "off"})
    assert (code, found["link-counts"]["level"]) == (1, "FAIL")
    assert "NLINKSHIM_SCOPE" in found["link-counts"]["remedy"]


@pytest.mark.parametrize("over", ["share/dfs", "share"])
@pytest.mark.parametrize("below", ["", "movies"])
def test_a_hidden_mount(doctor, mount_gofuse, folder: Path, over: str, below: str):
    """Another was mounted over it, or over a folder above: to start the FUSE server again would not help."""
    with mount_gofuse("share/dfs") as mount, mounts.mounted("none", folder / over, "tmpfs"):
        (mount / below).mkdir(parents=True, exist_ok=True)
        code, found = doctor(mount / below)
        assert (code, found["path-mount"]["level"]) == (1, "FAIL")
        said = f"the {mount.fstype} mount at {mount.path} is hidden: {folder / over} was mounted over"
        assert said in found["path-mount"]["message"]
        assert "umount" in found["path-mount"]["remedy"]


@pytest.mark.parametrize("below", ["", "movies"])
def test_a_killed_daemon(below, doctor, mend, mount_gofuse):
    with mount_gofuse("dfs") as mount:
        mount.kill()
        code, found = doctor(mount / below)
        assert (code, found["mount-alive"]["level"]) == (1, "FAIL")
        assert "the FUSE daemon is gone" in found["mount-alive"]["message"]
        assert not {"link-counts", "mount-access"} & set(found)
        mend(found["mount-alive"])
        assert mounts.topmost(mount.path) is None
    with mount_gofuse("dfs") as mount:
        code, found = doctor(mount.path)
        assert (code, found["mount-alive"]["level"]) == (0, "PASS")


@pytest.fixture
def fuse_control_unmounted():
    """Leaves the control file system as it was: the remedy may have mounted it."""
    there = FUSE_CONTROL.is_mount()
    yield
    if FUSE_CONTROL.is_mount() and not there:
        mounts.detach_top(FUSE_CONTROL)


@pytest.mark.parametrize("below", ["", "movies"])
def test_a_hung_daemon(below, doctor, mend, mount_gofuse, fuse_control_unmounted):
    """Said within the time given; the remedy sets free who waits."""
    with mount_gofuse("dfs", attr_timeout="0s", entry_timeout="0s") as mount:
        mount.freeze()
        waiting = subprocess.Popen(["stat", str(mount / "readme.txt")], stderr=subprocess.PIPE)
        begin = time.monotonic()
        code, found = doctor("--timeout", "2", mount / below)
        assert time.monotonic() - begin < 2 + 1.5
        assert (code, found["mount-alive"]["level"]) == (1, "FAIL")
        assert "no answer for 2 s" in found["mount-alive"]["message"]
        assert "link-counts" not in found
        assert waiting.poll() is None
        mend(found["mount-alive"])
        _, complaint = waiting.communicate(timeout=5)
        assert b"stat" in complaint
        assert mounts.topmost(mount.path) is None
    with mount_gofuse("dfs") as mount:
        assert doctor(mount.path)[1]["mount-alive"]["level"] == "PASS"


def test_a_daemon_that_fails(doctor, mount_scripted, folder):
    with mount_scripted("lying", fail_while=folder / "fail", attr_timeout=0) as mount:
        (folder / "fail").touch()
        code, found = doctor(mount.path)
        assert (code, found["mount-alive"]["level"]) == (1, "FAIL")
        assert "Input/output error" in found["mount-alive"]["message"]


def test_a_mount_of_one_user(doctor, mount_gofuse):
    """Without allow_other: a warning to its owner, a failure to anyone else; with it, neither."""
    with mount_gofuse("dfs", allow_other=False) as mount:
        code, found = doctor(mount.path)
        assert (code, found["mount-access"]["level"]) == (0, "WARN")
        assert "allow_other" in found["mount-access"]["remedy"]
        code, found = doctor("--user", NOBODY, mount.path)
        assert (code, found["mount-access"]["level"]) == (1, "FAIL")
        assert f"only uid 0 may enter, and uid {NOBODY} was refused" in found["mount-access"]["message"]
    with mount_gofuse("dfs", allow_other=True) as mount:
        code, found = doctor("--user", NOBODY, mount.path)
        assert (code, found["mount-access"]["level"]) == (0, "PASS")


def test_run_by_the_user_who_is_refused(mount_gofuse):
    """All of the check in a process of that user, not only the look. (Not the command, nor may that process
    import anything: the interpreter of the tests need not be there for every user.)"""
    with mount_gofuse("dfs", allow_other=False) as mount:
        context = Context(str(mount.path), 5)
        assert context.mounts
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                steps = look_in_steps({"path": context.path, "user": None})
                context.__dict__["look"] = Look({name: Step(*rest) for name, *rest in steps})
                os.write(writing, ",".join(answer.level.value for answer in mount_access(context)).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with open(reading) as result:
            assert result.read() == "FAIL"


@pytest.mark.parametrize("name", ["closed", "it's; closed", "closed\n"])
def test_a_folder_on_the_way_that_bars(name, doctor, mend, mount_gofuse, folder):
    (folder / name).mkdir(mode=0o700)
    with mount_gofuse(f"{name}/dfs") as mount:
        code, found = doctor("--user", NOBODY, mount.path)
        assert (code, found["mount-access"]["level"]) == (1, "FAIL")
        assert f"the permissions of {folder / name} forbid it" in found["mount-access"]["message"]
        mend(found["mount-access"])
        assert (folder / name).stat().st_mode & 0o7777 == 0o701
        assert doctor("--user", NOBODY, mount.path)[1]["mount-access"]["level"] == "PASS"


def test_no_mount_at_the_path(doctor, folder):
    code, found = doctor(folder)
    assert (code, found["path-mount"]["level"]) == (1, "FAIL")
    assert f"nothing is mounted at {folder}: it is a folder of" in found["path-mount"]["message"]
    assert "start the FUSE server" in found["path-mount"]["remedy"]
    assert "link-counts" not in found


def test_a_folder_that_was_removed(doctor, folder: Path):
    """A container has it by a bind; the one that was made anew at its path is another."""
    here, there = folder / "bound", folder / "parent"
    here.mkdir()
    (there / "dfs").mkdir(parents=True)
    with mounts.bound(there, here):
        (there / "dfs").rmdir()
        there.rmdir()
        (there / "dfs").mkdir(parents=True)
        code, found = doctor(here)
        assert (code, found["path-mount"]["level"]) == (1, "FAIL")
        assert f"bound at {here} was removed" in found["path-mount"]["message"]
        assert "in a container, restart that" in found["path-mount"]["remedy"]
        outcome = nlinkshim("doctor", here / "dfs")
        assert outcome.code == 2 and one_clear_line(outcome)
        assert f"does not exist; the folder that is bound at {here} was removed" in outcome.err


def test_a_working_directory_that_was_removed(folder: Path):
    script = 'mkdir -p "$0" && cd "$0" && rmdir "$0" && exec "$@"'
    for command in ("doctor", "verify", "audit"):
        words = [sys.executable, "-m", "nlinkshim", command, "."]
        done = processes.run(["sh", "-c", script, str(folder / "gone"), *words], check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert "the working directory was removed; change to another" in done.stderr


def test_the_folder_above(doctor, mount_gofuse, folder):
    with mount_gofuse("dfs") as mount:
        _, found = doctor(folder)
        assert found["path-mount"]["level"] == "PASS" and str(mount.path) in found["path-mount"]["message"]


def test_a_link_to_the_mount_and_a_relative_path(doctor, lying_mount, folder):
    (folder / "link").symlink_to(lying_mount.path)
    for path in (folder / "link", os.path.relpath(lying_mount.path)):
        _, found = doctor(path)
        assert "fuse.lying" in found["path-mount"]["message"]


def test_options_are_told(doctor, lying_mount, folder):
    (folder / "bound").mkdir()
    with mounts.bound(lying_mount.path, folder / "bound") as bound:
        mounts.mount("none", bound, None, mounts.MS_BIND | 32 | 8 | 2)  # remount: noexec, nosuid
        assert "nosuid,noexec" in _sorted_flags(doctor(bound)[1]["path-mount"]["message"])


def _sorted_flags(message: str) -> str:
    return ",".join(flag for flag in ("nosuid", "noexec") if flag in message)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/no/such/path"], "does not exist"),
        (["/etc/passwd"], "not a folder"),
        (["--user", "no-such-user", "/"], "no such user"),
        (["--timeout", "0", "/"], "--timeout"),
    ],
)
def test_wrong_usage(arguments, said):
    outcome = nlinkshim("doctor", *arguments)
    assert outcome.code == 2
    assert one_clear_line(outcome) and said in outcome.err


def test_the_text(lying_mount):
    """A finding a line, its remedy below it, a summary last."""
    outcome = nlinkshim("doctor", lying_mount.path)
    lines = outcome.out.splitlines()
    assert any(line.startswith("PASS  mount-alive: ") for line in lines)
    assert all(
        line.startswith(("PASS  ", "WARN  ", "FAIL  ", "      remedy: ", "      command: "))
        for line in lines[:-1]
    )
    assert lines[-1].endswith(" failed")
    assert outcome.err == ""


def test_without_a_path(doctor, lying_mount):
    _, found = doctor()
    assert (
        str(lying_mount.path) in found["fuse-mounts"]["message"] or " more" in found["fuse-mounts"]["message"]
    )
    assert "/mnt" in found["propagation-parent"]["subject"]
    assert not {"mount-alive", "mount-access", "link-counts", "path-mount"} & set(found)


def test_no_proc(lying_mount):
    """In a mount namespace without /proc: said, with what is missing."""
    hide = 'mount -t tmpfs none /proc && exec "$@"'
    command = [sys.executable, "-m", "nlinkshim", "doctor", str(lying_mount.path)]
    done = processes.run(["unshare", "--mount", "sh", "-c", hide, "sh", *command], env=bare(), check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "FAIL  proc: /proc/thread-self/mountinfo" in done.stdout
    assert "command: mount -t proc proc /proc" in done.stdout

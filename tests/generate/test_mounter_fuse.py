"""mounter heal and its kin, beside a real FUSE daemon that is killed, stopped, or never answers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from harness import gofuse, guarding, mounter, mounts, processes, releases
from harness.capability import require

from nlinkshim.guard import mapped_clone

PATIENCE = 4
LIMIT = 1
QUICK = {"limit": LIMIT, "patience": PATIENCE}

Run = Callable[..., AbstractContextManager[mounter.Mounter]]


@pytest.fixture(scope="module")
def script(build_folder: Path) -> Path:
    return mounter.generated(build_folder / "mounter-fuse")


@pytest.fixture
def shared(folder: Path) -> Iterator[Path]:
    require("root")
    with mounter.shared_folder(folder / "shared") as path:
        yield path


@pytest.fixture
def run(script: Path, folder: Path) -> Run:
    """run("heal", path): the script under Debian's shell and tools."""
    return partial(mounter.running, script, folder, interpreter=("dash",))


@pytest.fixture(params=["debian", "busybox"])
def each_run(request: pytest.FixtureRequest, script: Path, folder: Path, run: Run) -> Run:
    """The same, and once more under the shell and tools that Alpine has."""
    if request.param == "debian":
        return run
    require("busybox")
    tools = mounter.busybox_tools(folder / "bin")
    return partial(mounter.running, script, folder, interpreter=(str(tools / "sh"),), path=tools)


@pytest.fixture
def mount(gofuse_program: Path, shared: Path) -> Callable[..., AbstractContextManager[mounts.FuseMount]]:
    # nothing cached, so that each question reaches the daemon
    return partial(gofuse.mount, gofuse_program, shared / "dfs", entry_timeout="0s", attr_timeout="0s")


@pytest.fixture(autouse=True)
def fuse_control() -> Iterator[None]:
    """The control file system is mounted by the script, in its own namespace."""
    there = Path("/sys/fs/fuse/connections").is_mount()
    yield
    assert Path("/sys/fs/fuse/connections").is_mount() == there


def gone(path: Path) -> bool:
    return mounts.topmost(path) is None


def state(process: subprocess.Popen[bytes]) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_killed_daemon_and_the_next(each_run, mount, shared, tell):
    """Its mount is taken away on the node, so that the next server can mount, and smbd sees that."""
    with each_run("heal", shared / "dfs", **QUICK) as mounter:
        with mount() as first:
            mounter.wait_for("^alive", 5)
            begin = time.monotonic()
            first.kill()
            with pytest.raises(OSError, match="not connected"):
                any(first.path.iterdir())
            processes.wait_until(lambda: gone(first.path), 5, "unmounting")
            healed = time.monotonic() - begin
        with mount() as second:
            mounter.wait_for("^alive after .* (absent|dead)", 5)
            assert any(second.path.iterdir())
    tell(f"a dead mount was gone {healed:.1f} s after its daemon")


def test_a_stopped_daemon_that_goes_on(run, mount, shared):
    """Within the patience nothing is taken away: the daemon goes on where it was."""
    with mount() as fuse, run("heal", shared / "dfs", limit=LIMIT, patience=60) as mounter:
        mounter.wait_for("^alive", 5)
        mount_id = mounts.topmost(fuse.path).mount_id
        fuse.freeze()
        mounter.wait_for("^hung", 10)
        fuse.thaw()
        mounter.wait_for("^alive after .* hung", 10)
        assert mounts.topmost(fuse.path).mount_id == mount_id
        assert any(fuse.path.iterdir())


def test_a_stopped_daemon_that_does_not_go_on(run, mount, shared, tell):
    """Who waits could be killed, but nobody does that."""
    with mount() as fuse, run("heal", shared / "dfs", **QUICK) as mounter:
        mounter.wait_for("^alive", 5)
        begin = time.monotonic()
        fuse.freeze()
        waiting = subprocess.Popen(["stat", str(fuse / "readme.txt")], stderr=subprocess.DEVNULL)
        mounter.wait_for("^aborted", PATIENCE + 10)
        waiting.wait(2)
        freed = time.monotonic() - begin
        processes.wait_until(lambda: gone(fuse.path), 5, "unmounting")
    tell(f"stopped: who waited was free after {freed:.1f} s (patience {PATIENCE})")


def test_a_daemon_that_never_answers(each_run, mount, shared, tell):
    """What waits for it is in D state, and no signal ends it. The connection is aborted, all are free, the
    next server can mount."""
    with mount(latency="1h") as fuse:
        waiting = subprocess.Popen(["stat", str(fuse / "readme.txt")], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        waiting.kill()
        time.sleep(0.5)
        assert state(waiting) == "D", "it could be killed, so the test shows nothing"
        with each_run("heal", shared / "dfs", **QUICK) as mounter:
            begin = time.monotonic()
            mounter.wait_for("^hung .*cannot be killed", 10)
            mounter.wait_for("^aborted", PATIENCE + 10)
            waiting.wait(2)
            freed = time.monotonic() - begin
            processes.wait_until(lambda: gone(fuse.path), 5, "unmounting")
            with mount() as second:
                mounter.wait_for("^alive", 5)
                assert any(second.path.iterdir())
    tell(f"never answers: who waited was free after {freed:.1f} s (patience {PATIENCE})")


def test_a_mount_made_over_the_dead_one_stays(run, mount, shared, folder):
    (folder / "new").mkdir()
    (folder / "new/file").touch()
    with mount() as first:
        first.kill()
        with mounts.bound(folder / "new", first.path), run("heal", first.path, **QUICK) as mounter:
            mounter.wait_for("^alive", 5)
            time.sleep(3)
            assert (first / "file").exists()


def test_a_file_system_that_fails_is_not_taken_away(run, shared, mount_scripted, folder):
    require("mfusepy")
    from harness import scripted

    with scripted.mount(shared / "dfs", "lying", fail_while=folder / "fail", attr_timeout=0) as fuse:
        (folder / "fail").touch()
        with run("heal", shared / "dfs", limit=1, patience=1) as mounter:
            mounter.wait_for("^failing", 5)
            time.sleep(3)
            assert not gone(fuse.path)
            (folder / "fail").unlink()
            mounter.wait_for("^alive after .* failing", 5)


def test_the_end_is_quick_whatever_hangs(each_run, mount, shared):
    """SIGTERM with a look that no signal ends: the loop does not wait for it, and leaves the mount alone."""
    with mount(latency="1h") as fuse, each_run("heal", shared / "dfs", limit=1, patience=60) as mounter:
        mounter.wait_for("cannot be killed", 15)
        code, seconds = mounter.terminate()
        assert code == 0
        assert seconds < 1
        assert not gone(fuse.path)
        mounts.abort(fuse.device)


def test_clear_before_the_server_starts(run, mount, shared):
    with mount() as fuse:
        with run("clear", fuse.path) as mounter:
            assert mounter.process.wait(10) == 0
            assert any(fuse.path.iterdir()), "a living mount was taken away"
        fuse.kill()
        with run("clear", fuse.path, guard="no") as mounter:
            assert mounter.process.wait(10) == 0
        assert gone(fuse.path)
    made = shared / "new/dfs"  # one that is guarded cannot be removed
    with run("clear", made, guard="no") as mounter:
        assert mounter.process.wait(10) == 0
    assert made.stat().st_mode & 0o777 == 0, "an empty folder could be listed in the mount's place"


@pytest.mark.parametrize("there", [True, False], ids=["a folder", "no folder"])
@pytest.mark.parametrize("older", [False, True], ids=["newer mount", "older mount"])
def test_the_folder_below_the_mount_is_closed_even_to_root(run, mount, shared, folder, older, there):
    """And so it is again after the server is gone, on the machine and in whatever took the parent folder."""
    require("busybox" if older else "mmdebstrap")
    path = mounter.older_mount(folder) if older else mounter.newer_mount(folder)
    if there:
        (shared / "dfs").mkdir()
    guards, held = set(), []
    for _ in range(2):  # the second finds it guarded, and leaves it
        with run("clear", shared / "dfs", path=path) as clearing:
            assert clearing.process.wait(10) == 0
            assert not clearing.said("warning"), clearing.lines()
        guards.add(mounts.topmost(shared))
        held.append(os.open(shared, os.O_PATH))  # so that no other mount gets its number
    for descriptor in held:
        os.close(descriptor)
    assert len(guards) == 1, "it was taken off for a moment"
    assert [line.point for line in mounts.mount_lines()].count(shared) == 2
    other = folder / "consumer"
    other.mkdir()

    def refused() -> bool:
        for parent in (shared, other):
            with pytest.raises(PermissionError):
                any((parent / "dfs").iterdir())
            with pytest.raises(PermissionError):
                (parent / "dfs/readme.txt").stat()
        return True

    with mounts.mounted(str(shared), other, None, mounts.MS_BIND):
        mounts.mount("none", other, None, mounts.MS_SLAVE)
        assert refused()
        with mount():
            assert {entry.name for entry in (other / "dfs").iterdir()} >= {"readme.txt"}
            assert (shared / "dfs/readme.txt").stat().st_uid == 0
        assert refused()
        # root's own work beside it goes on
        (shared / "beside").mkdir()
        (shared / "beside").rmdir()


def unfinished_guard(shared: Path) -> None:
    """What a script leaves that ended halfway: guarded, but an open folder of root."""
    (shared / "dfs").mkdir()
    guarding.attach(mapped_clone(str(shared)), shared)


def test_an_open_folder_below_a_guard_is_closed_to_root_too(run, shared, folder):
    require("mmdebstrap")
    unfinished_guard(shared)
    with run("clear", shared / "dfs", path=mounter.newer_mount(folder)) as clearing:
        assert clearing.process.wait(10) == 0
        assert not clearing.said("warning"), clearing.lines()
    assert [line.point for line in mounts.mount_lines()].count(shared) == 2
    with pytest.raises(PermissionError):
        any((shared / "dfs").iterdir())


def test_an_open_folder_below_a_guard_that_is_in_use(run, shared):
    """Around the guard there is no way then: users get an error, and root's view is told."""
    unfinished_guard(shared)
    (shared / "beside").mkdir()
    with mounts.mounted("none", shared / "beside", "tmpfs"), run("clear", shared / "dfs") as clearing:
        assert clearing.process.wait(10) == 0
        assert clearing.said("warning: not guarded against root, since there are other mounts")
        assert mounter.is_guarded(shared)
    assert (shared / "dfs").stat().st_mode & 0o777 == 0


@pytest.mark.parametrize("link", ["dfs", "above"])
@pytest.mark.parametrize("words", [["cifs", "//host/share"], ["clear"], ["wait"], ["unmount"]])
def test_a_symbolic_link_is_refused(run, shared, folder, link: str, words: list[str]):
    """The kernel tells a mount by its own path, so by another it would be made again and again."""
    (folder / "elsewhere").mkdir()
    (shared / link).symlink_to(folder / "elsewhere")
    target = shared / link / "dfs" if link == "above" else shared / link
    with run(words[0], f"{target}/", *words[1:]) as refused:
        assert refused.process.wait(10) == 2
    assert refused.log.read_text() == (
        f"mounter: {shared / link} is a symbolic link; give the path that it leads to\n"
    )
    assert list((folder / "elsewhere").iterdir()) == []


def test_what_looks_is_killed(run, mount, shared):
    """As by the kernel, for want of memory: the answer never comes, and the mount is looked at again."""
    with mount() as fuse, run("heal", fuse.path, limit=1, patience=60) as mounter:
        mounter.wait_for("^alive", 5)
        fuse.freeze()

        def noticed() -> str | None:
            # subshells that wait for a command; the script's pauses have no children
            for pid in filter(releases.children, releases.children(mounter.process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return mounter.said("^failing .what asked was killed")

        processes.wait_until(noticed, 20, "noticing it")
        fuse.thaw()
        mounter.wait_for("^alive after .* failing", 10)


def test_what_cannot_be_guarded_is_closed_to_users_and_told(folder, shared, script):
    """busybox' mount knows no id maps."""
    require("busybox")
    tools = mounter.busybox_tools(folder / "bin")
    (shared / "dfs").mkdir()
    with mounter.running(
        script, folder, "clear", shared / "dfs", interpreter=(str(tools / "sh"),), path=tools
    ) as clearing:
        assert clearing.process.wait(10) == 0
        assert clearing.said("warning: not guarded against root, .*this mount.8. knows no X-mount.idmap")
    assert not mounter.is_guarded(shared)
    status = (shared / "dfs").stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0, 0)


def test_a_covered_mount_is_no_hindrance(run, shared):
    """The table of mounts lists what was mounted below before another came over all."""
    (shared / "beside").mkdir()
    with mounts.mounted("none", shared / "beside", "tmpfs"):
        with mounts.mounted("none", shared, "tmpfs"):
            mounts.share(shared)
            with run("clear", shared / "dfs") as clearing:
                assert clearing.process.wait(10) == 0
                assert not clearing.said("warning"), clearing.lines()
            assert mounter.is_guarded(shared)
            mounts.detach_top(shared)
        with run("clear", shared / "dfs") as clearing:
            assert clearing.process.wait(10) == 0
            assert clearing.said("not guarded against root, since there are other mounts")
        assert not mounter.is_guarded(shared)


def test_what_the_folder_below_the_mount_holds_is_told(run, shared):
    (shared / "dfs").mkdir()
    (shared / "dfs/film.mkv").touch()
    with run("clear", shared / "dfs") as clearing:
        assert clearing.process.wait(10) == 0
        assert clearing.said("warning: the folder below the mount holds entries")
    assert (shared / "dfs").stat().st_mode & 0o777 == 0o755


def test_wait_for_a_mount(run, mount, shared):
    (shared / "dfs").mkdir()
    with run("wait", shared / "dfs") as mounter:
        time.sleep(2)
        assert mounter.process.poll() is None
        with mount():
            assert mounter.process.wait(10) == 0


@pytest.mark.parametrize("sentinel", ["readme.txt", "movies/poster.jpg"])
def test_wait_for_the_sentinel(each_run, mount, shared, folder, sentinel: str):
    """An empty mount is none, nor is one with something else in it."""
    (shared / "dfs").mkdir()
    with each_run("wait", shared / "dfs", sentinel) as waiting:
        with mounts.mounted("none", shared / "dfs", "tmpfs"):
            waiting.wait_for(f"^empty .no {sentinel}", 5)
            (shared / "dfs/other").touch()
            if "/" in sentinel:
                (shared / "dfs" / sentinel).parent.mkdir()
            time.sleep(2)
            assert waiting.process.poll() is None
        with mount():
            assert waiting.process.wait(10) == 0


def test_wait_for_any_entry(run, shared):
    (shared / "dfs").mkdir()
    with mounts.mounted("none", shared / "dfs", "tmpfs"), run("wait", shared / "dfs") as waiting:
        waiting.wait_for("^empty .no entry", 5)
        assert waiting.process.poll() is None
        (shared / "dfs/any").touch()
        assert waiting.process.wait(10) == 0

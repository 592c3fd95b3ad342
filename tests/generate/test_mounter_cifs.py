"""mounter cifs with the kernel's SMB client, in an emulated machine."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from harness import guest, mounter
from harness.capability import require
from harness.preload import Shim
from harness.processes import wait_until
from harness.samba import Server, Share, free_port

from nlinkshim.engines.generate.cifs import mount_options
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings

TARGET = "/mnt/dfs"
ACCOUNT = "nobody"
PASSWORD = 'p,a"ss $word='  # noqa: S105
SETTINGS = {"limit": 2, "secrets": "/secrets", "record": "/run/record"}
# Notes when the folder is listed and found empty, with no error: what a media server takes for "all deleted".
WATCH = f"""
    until [ -e /run/watch.end ]; do
        if shown=$(ls {TARGET} 2>/dev/null); then [ -n "$shown" ] || echo empty; else echo error; fi
        sleep 0.05
    done | uniq -c
"""

Serve = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="module")
def machine(build_folder: Path) -> Iterator[guest.Machine]:
    require("guest", "smbd", "root")
    files = {
        "/bin/mounter": mounter.generated(build_folder / "mounter-cifs"),
        f"/secrets/{ACCOUNT}": PASSWORD + "\n",
    }
    with guest.boot(files) as machine:
        yield machine


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def serve_folder(mount_gofuse, serve_smb, folder: Path, shim: Shim, port: int) -> Serve:
    """serve_folder(shift): a lying mount in a folder that is shared, its inode numbers shifted."""

    @contextlib.contextmanager
    def serve(shift: int = 0) -> Iterator[Server]:
        with (
            mount_gofuse("share/dfs", shift_inodes=shift),
            serve_smb({"dfs": Share(folder / "share")}, env=shim(), port=port) as server,
        ):
            server.add_user(ACCOUNT, PASSWORD)
            yield server

    return serve


class Mounter:
    """The script at work in the guest."""

    def __init__(self, machine: guest.Machine, port: int, more: tuple[str, ...], patience: int) -> None:
        model = Model.of(Settings.of({"port": port}))
        options = [*(option.text for option in mount_options(model)), *more]
        words = shlex.join(
            ["mounter", "cifs", TARGET, model.client_source(guest.HOST), *options, f"user={ACCOUNT}"]
        )
        env = " ".join(
            f"NLINKSHIM_{name.upper()}={value}" for name, value in {**SETTINGS, "patience": patience}.items()
        )
        self._machine = machine
        self.job = machine.start(f"echo $$ >/run/mounter.pid; {env} exec {words} >/run/mounter.log 2>&1")

    def log(self) -> str:
        return self._machine.run("cat /run/mounter.log", check=False).output

    def said(self, pattern: str) -> bool:
        return re.search(pattern, self.log(), re.MULTILINE) is not None

    def wait_for(self, pattern: str, timeout: float) -> None:
        try:
            wait_until(lambda: time.sleep(0.2) or self.said(pattern), timeout, repr(pattern))
        except TimeoutError as error:
            raise AssertionError(f"{error}: {self.log()}") from error


@contextlib.contextmanager
def mounting(
    machine: guest.Machine, port: int, *more: str, leave: bool = False, patience: int = 6
) -> Iterator[Mounter]:
    """The script, with `more` options. `leave`: its mount, for another script."""
    mounter = Mounter(machine, port, more, patience)
    try:
        yield mounter
    finally:
        machine.run("kill $(cat /run/mounter.pid)", check=False)
        try:
            assert mounter.job.result(20).status == 0
        finally:
            if not leave:
                machine.run(
                    f"umount -l {TARGET} /run/nlinkshim; rm -rf /run/nlinkshim /run/record /run/watch.end",
                    check=False,
                )


@contextlib.contextmanager
def watched(machine: guest.Machine) -> Iterator[Callable[[], str]]:
    job = machine.start(WATCH)

    def seen() -> str:
        machine.run("touch /run/watch.end")
        return job.result(90).output

    yield seen


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_it_waits_for_the_server_then_mounts(machine, serve_folder: Serve, port: int):
    """No server yet: it goes on trying, and says why. Then the share is there, with the options of the model,
    and no file with the password is left. SIGTERM ends the script at once, and leaves the mount."""
    with mounting(machine, port) as mounter:
        mounter.wait_for("cannot mount .*: mount error.*(refused|could not connect|Unable)", 20)
        with serve_folder():
            mounter.wait_for("alive", 60)
            assert "readme.txt" in machine.run(f"ls {TARGET}").output
            assert machine.run("cat /run/nlinkshim/state").output == "alive\n"
            assert machine.run("mounter ready").status == 0
            line = machine.run(f"grep ' {TARGET} cifs ' /proc/mounts").output
            for option in (
                "vers=3.1.1",
                "seal",
                "soft",
                "nosharesock",
                "echo_interval=5",
                "ro,",
                "uid=1000,",
            ):
                assert option in line, line
            assert "serverino" not in line.replace("noserverino", "")
            assert machine.run("ls /run/nlinkshim").output.split() == [
                "staged",
                "state",
            ] or "credentials" not in (machine.run("ls /run/nlinkshim").output)
            assert PASSWORD not in mounter.log()
            pid = machine.run("cat /run/mounter.pid").output.strip()
            ended = machine.run(f"kill {pid}; while kill -0 {pid} 2>/dev/null; do :; done")
            assert ended.seconds < 2
            assert mounter.job.result().status == 0
            assert "readme.txt" in machine.run(f"ls {TARGET}").output


def test_the_server_restarts(machine, serve_folder: Serve, port: int, tell):
    """Away for longer than the patience, and back with other inode numbers: the mount is alive again, and the
    folder never looked empty."""
    with mounting(machine, port) as mounter:
        with serve_folder(0):
            mounter.wait_for("alive", 30)
        with watched(machine) as seen:
            time.sleep(10)
            with serve_folder(1_000_000):
                back = time.monotonic()
                mounter.wait_for("alive after .*(failing|hung)", 60)
                seconds = time.monotonic() - back
                assert "readme.txt" in machine.run(f"ls {TARGET}").output
                shown = seen()
        tell(f"server back: alive again after {seconds:.1f} s; meanwhile {shown.split()}")
        assert "empty" not in shown


def test_a_connection_that_is_silent(machine, serve_folder: Serve, port: int, tell):
    """The server process of this connection is stopped, as a lost path or a stuck process would look. Another
    connection works, so the mount is replaced by one that has it."""
    with serve_folder() as server:
        before = children(server.pid)
        with mounting(machine, port) as mounter:
            mounter.wait_for("alive", 30)
            stopped = children(server.pid) - before
            assert stopped
            begin = time.monotonic()
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                mounter.wait_for("hung", 30)
                mounter.wait_for("alive after .*hung", 60)
                seconds = time.monotonic() - begin
                assert "readme.txt" in machine.run(f"ls {TARGET}").output
            finally:
                for pid in stopped:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
            tell(f"silent connection: alive again after {seconds:.1f} s")


@pytest.mark.timeout(300)
def test_a_mount_of_the_nodes_own_goes_before_the_share(machine, serve_folder: Serve, port: int):
    """And the share is there again when it goes. (What stands for the FUSE mount here is a tmpfs.)"""
    own = "/run/own"
    machine.run(f"mkdir -p {own}")
    with serve_folder(), mounting(machine, port, f"local={own}", patience=60) as mounter:
        mounter.wait_for("mounted //", 60)
        machine.run(f"mount -t tmpfs own {own} && echo own >{own}/readme.txt")
        mounter.wait_for(f": shows {own}", 60)
        assert machine.run(f"cat {TARGET}/readme.txt").output == "own\n"
        assert machine.run(f"grep ' {TARGET} tmpfs ro,' /proc/mounts").output
        machine.run(f"umount {own}")
        mounter.wait_for("unmounted, as .* was(.*\n)*.*mounted //", 60)
        assert machine.run(f"grep ' {TARGET} cifs ' /proc/mounts").output
        assert machine.run(f"cat {TARGET}/readme.txt").output not in ("", "own\n")


def mount_number(machine: guest.Machine) -> str:
    """Of what is mounted there, as the kernel counts."""
    return machine.run(f"grep ' {TARGET} ' /proc/self/mountinfo | cut -d' ' -f1,3").output


def test_the_next_script_takes_the_mount_over(machine, serve_folder: Serve, port: int):
    """An upgrade: whoever polls the folder meanwhile sees no error."""
    with serve_folder(), contextlib.ExitStack() as stack:
        with mounting(machine, port, leave=True) as first:
            first.wait_for("alive", 30)
            before = mount_number(machine)
            seen = stack.enter_context(watched(machine))
        second = stack.enter_context(mounting(machine, port))
        second.wait_for("took over the mount", 20)
        second.wait_for("alive", 20)
        shown = seen()
        assert mount_number(machine) == before
        assert "error" not in shown and "empty" not in shown, shown


def test_a_mount_with_other_options_is_replaced(machine, serve_folder: Serve, port: int):
    with serve_folder():
        with mounting(machine, port, leave=True) as first:
            first.wait_for("alive", 30)
            before = mount_number(machine)
        with mounting(machine, port, "nobrl") as second:
            second.wait_for("made otherwise", 20)
            second.wait_for("mounted //", 30)
            assert mount_number(machine) != before
            assert ",nobrl," in machine.run(f"grep ' {TARGET} cifs ' /proc/mounts").output


def test_a_record_that_cannot_be_written(machine, serve_folder: Serve, port: int):
    """The next script makes the mount anew, once, and it stays."""
    with serve_folder():
        with mounting(machine, port, leave=True) as first:
            first.wait_for("alive", 30)
            machine.run("mount --bind /run/record /run/record && mount -o remount,bind,ro /run/record")
        try:
            with mounting(machine, port, "nobrl") as second:
                second.wait_for("mounted //", 30)
                assert second.said("warning: cannot write to /run/record")
                made = mount_number(machine)
                time.sleep(5)
                assert mount_number(machine) == made
        finally:
            machine.run("umount -l /run/record; rm -rf /run/record", check=False)


def test_the_parent_is_mounted_over(machine, serve_folder: Serve, port: int):
    """The mount is hidden and the folder there empty: once the patience is over it is mounted there too."""
    with serve_folder(), mounting(machine, port, patience=2) as mounter:
        mounter.wait_for("alive", 30)
        machine.run("mount -t tmpfs none /mnt && mkdir /mnt/dfs")
        try:
            mounter.wait_for("alive after .* (empty|failing)", 30)
            assert "readme.txt" in machine.run(f"ls {TARGET}").output
        finally:
            machine.run(f"umount -l {TARGET}; umount -l /mnt", check=False)


def test_unmount_is_for_good(machine, serve_folder: Serve, port: int):
    with serve_folder(), mounting(machine, port) as mounter:
        mounter.wait_for("alive", 30)
        machine.run(f"NLINKSHIM_RECORD=/run/record mounter unmount {TARGET}")
        mounter.wait_for("absent", 10)
        time.sleep(5)
        assert not mount_number(machine)
        assert machine.run("ls /run/record").output == ""


def test_a_share_without_the_sentinel_is_none(machine, serve_smb, folder: Path, port: int):
    """The FUSE server is away and its folder is there, empty: an error is less than an empty library."""
    inside = folder / "share/dfs"
    inside.mkdir(parents=True)
    (inside / "other").touch()
    with serve_smb({"dfs": Share(folder / "share")}, port=port) as server:
        server.add_user(ACCOUNT, PASSWORD)
        with mounting(machine, port, "sentinel=readme.txt") as mounter:
            mounter.wait_for("cannot mount .*: it holds no readme.txt", 30)
            assert not mount_number(machine)
            (inside / "readme.txt").touch()
            mounter.wait_for("alive", 60)
            assert machine.run("mounter ready").status == 0
            (inside / "readme.txt").unlink()
            mounter.wait_for("empty .no readme.txt", 20)
            mounter.wait_for("unmounted", 20)
            assert machine.run("mounter ready", check=False).status != 0


def test_a_mount_that_recovers_is_not_replaced(machine, serve_folder: Serve, port: int):
    """The new one was begun while the old did not answer."""
    with serve_folder() as server:
        before = children(server.pid)
        # before the client itself gives the old connection up, after 15 s
        with mounting(machine, port, patience=1) as mounter:
            mounter.wait_for("alive", 30)
            number = mount_number(machine)
            (old,) = children(server.pid) - before
            for pid in (old, server.pid):  # neither answers the old connection, nor takes a new one
                os.kill(pid, signal.SIGSTOP)
            try:
                mounter.wait_for("hung", 30)
                machine.run("until pidof mount.cifs; do sleep 0.1; done", timeout=30)
            finally:
                os.kill(old, signal.SIGCONT)
            mounter.wait_for("alive after .*hung", 30)
            os.kill(server.pid, signal.SIGCONT)
            mounter.wait_for("dropped a new mount", 40)
            assert mount_number(machine) == number

"""The generated container over time: it starts, its mount dies and comes back, it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require
from harness.images import SHIM, Container

pytestmark = pytest.mark.timeout(300)  # the first test that needs an image builds it

LISTED = "readme.txt                          N       42"


def test_the_preload_is_smbds_alone(image, dfs):
    """Not the watcher's, which runs beside it, nor of what is run in the container: the health check, say."""
    with dfs(), image(shares=["dfs=."]).serving() as container:
        found: dict[bool, set[str]] = {True: set(), False: set()}
        for pid, args in container.processes().items():
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                mapped = SHIM in Path(f"/proc/{pid}/maps").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # the watcher's sleep of one second was over
            name = args.split()[0]
            if name != "smbd:":  # from 4.22 on its children write their titles over their environment
                assert mapped == (b"LD_PRELOAD" in environment), args
            found[mapped].add(name.removesuffix(":"))
        assert found[True] == {"smbd"}
        assert "/bin/sh" in found[False] and found[False] <= {"/bin/sh", "sleep"}
        assert "LD_PRELOAD" not in container.inside("env").stdout


def test_sigterm_ends_it(image, dfs, tell):
    with (
        dfs(),
        image(sentinel="readme.txt").serving() as container,
        container.staying_client("dfs") as client,
    ):
        assert LISTED in client.ask("ls dfs\\*")
        seconds = container.stop()
        tell(f"stopped with a client connected in {seconds:.2f} s")
        assert seconds < 2


def test_sigterm_ends_it_before_it_serves(image, tell):
    with image(sentinel="readme.txt", mount_wait=60).started() as container:
        time.sleep(0.5)
        seconds = container.stop()
        tell(f"stopped while it waited for the mount in {seconds:.2f} s")
        assert seconds < 2


def test_it_waits_for_the_mount(image, dfs):
    with image(sentinel="readme.txt", mount_wait=60).started() as container:
        time.sleep(1.5)
        assert "serving" not in container.log()
        with dfs():
            processes.wait_until(container.serves, 5, "serving the mount that came late")
            assert container.client("dfs", "ls dfs\\readme.txt").returncode == 0


def test_a_client_outlives_the_mount(image, dfs, tell):
    """The share is the mount's parent: one connection, from before the daemon died to after it came back."""
    with (
        dfs() as mount,
        image(sentinel="readme.txt").serving() as container,
        container.staying_client("dfs") as client,
    ):
        assert LISTED in client.ask("ls dfs\\readme.txt")
        kill_and_see(container, mount)
        assert "NT_STATUS_" in client.ask("ls dfs\\readme.txt")
        with dfs():
            seconds = until(lambda: LISTED in client.ask("ls dfs\\readme.txt"))
            tell(f"parent shared: the client listed again {seconds:.2f} s after the remount")
            assert seconds < 2
            assert container.health() == (True, "")


def test_clients_of_a_share_in_the_mount_connect_anew(image, dfs, tell):
    """smbd would answer its old clients with errors for good. It hangs up on them, and the kernel's client
    connects anew by itself; smbclient ends."""
    with dfs() as mount, image(sentinel="readme.txt", shares=["dfs=."]).serving() as container:
        with container.staying_client("dfs") as client:
            assert LISTED in client.ask("ls readme.txt")
            kill_and_see(container, mount)
            assert "NT_STATUS_" in client.ask("ls readme.txt")
            with dfs():
                closed = until(lambda: "NT_STATUS_CONNECTION_" in client.ask("ls readme.txt"))
                assert LISTED in container.client("dfs", "ls readme.txt").stdout
                tell(f"mount shared: smbd hung up on the client {closed:.2f} s after the remount")
                assert closed < 3
                assert container.health() == (True, "")
        assert f"{image.parent}/dfs was mounted anew: clients connect anew" in container.log()


def kill_and_see(container: Container, mount: mounts.FuseMount) -> None:
    """Kill the daemon, see the health check fail, and unmount."""
    assert container.health() == (True, "")
    mount.kill()
    healthy, said = container.health()
    assert not healthy and re.match("unhealthy: .*NT_STATUS_", said), said
    mounts.detach(mount.path)
    assert not container.health()[0], "an empty folder is no mount"


def until(condition: Callable[[], bool]) -> float:
    """Seconds until it holds."""
    begin = time.monotonic()
    processes.wait_until(condition, 15, "the client's recovery")
    return time.monotonic() - begin


def test_health_of_a_mount_that_hangs(image, dfs, tell):
    with dfs() as mount, image(sentinel="readme.txt").serving() as container:
        mount.freeze()
        begin = time.monotonic()
        healthy, said = container.health()
        seconds = time.monotonic() - begin
        tell(f"the health check gave a stopped daemon up after {seconds:.1f} s: {said}")
        assert not healthy and seconds < 8
        mount.thaw()
        processes.wait_until(lambda: container.health()[0], 10, "the health check's recovery")


def test_under_s6(image, dfs, folder: Path):
    """The entrypoint as a run script: smbd takes its place, is started again when it dies, ends when told."""
    require("s6-supervise")
    supervisor = folder / "s6-supervise"
    shutil.copy(shutil.which("s6-supervise"), supervisor)
    (library,) = Path("/usr/lib").glob("*-linux-gnu/libskarnet.so.2.*[0-9].[0-9]*")
    shutil.copy(library, folder / re.sub(r"(so\.\d+\.\d+).*", r"\1", library.name))
    (folder / "run").write_text("#!/bin/sh\nexec /usr/local/bin/entrypoint\n")
    (folder / "run").chmod(0o755)
    flags = [
        f"--volume={folder}:/s6:ro",
        "--tmpfs=/service",
        f"--volume={folder}/run:/service/run:ro",
        "--env=LD_LIBRARY_PATH=/s6",
        '--entrypoint=["/s6/s6-supervise", "/service"]',
    ]
    with dfs(), image(sentinel="readme.txt", shares=["dfs=."]).serving(*flags) as container:
        first = running(container, "smbd")
        os.kill(min(first), signal.SIGKILL)
        processes.wait_until(lambda: not first & running(container, "smbd"), 5, "the end of all smbds")
        processes.wait_until(container.serves, 10, "serving again")
        assert LISTED in container.client("dfs", "ls readme.txt").stdout
        processes.wait_until(lambda: len(running(container, "entrypoint")) == 1, 5, "the old watcher's end")
        assert container.stop() < 2


def running(container: Container, name: str) -> set[int]:
    return {pid for pid, args in container.processes().items() if name in args.split("--")[0]}

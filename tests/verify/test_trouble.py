"""verify of daemons that die and hang, and verify itself ended from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness import processes
from harness.cli import nlinkshim

SOON = 10  # s; that it waits for --timeout 1 alone, on a busy machine


def test_a_killed_daemon_is_named(verify, mount_gofuse):
    with mount_gofuse() as mount:
        mount.kill()
        code, found = verify(mount.path)
    assert (code, found["verdict"]) == (3, "other-cause")
    assert "daemon is gone" in found["cause"]
    assert found["command"] == f"umount -l -c -- {mount.path}"


def test_a_daemon_killed_under_the_walk(mount_gofuse):
    with mount_gofuse(entries=200_000, latency="1ms", plus=False) as mount:
        threading.Timer(0.7, mount.kill).start()
        outcome = nlinkshim("verify", "--format", "json", mount.path)
    (found,) = outcome.document["mounts"]
    assert (outcome.code, found["verdict"]) == (3, "other-cause")
    assert found["entries"] > 1
    assert found["errors"] <= 64, "it should have stopped"


def test_a_hung_daemon_ends_in_time(mount_gofuse):
    with mount_gofuse() as mount:
        mount.freeze()
        begin = time.monotonic()
        outcome = nlinkshim("verify", "--format", "json", "--timeout", "1", mount.path)
        took = time.monotonic() - begin
        mount.thaw()
    (found,) = outcome.document["mounts"]
    assert (outcome.code, found["verdict"], found["fstype"]) == (3, "incomplete", "fuse.lying")
    assert f"at {mount.path}:" in found["cause"]
    assert "/abort" in found["command"]
    assert found["command"].endswith(f"umount -l -c -- {mount.path}")
    assert took < SOON


def test_a_daemon_that_hangs_under_the_walk(mount_scripted, folder):
    """It accepted a request and never answers, so the worker cannot be killed: verify leaves it behind."""
    hang = folder / "hang"
    with mount_scripted("lying", hang_while=hang, hang_at="/folder/inner") as mount:
        hang.touch()
        begin = time.monotonic()
        outcome = nlinkshim("verify", "--format", "json", "--timeout", "1", mount.path)
        took = time.monotonic() - begin
        hang.unlink()
    (found,) = outcome.document["mounts"]
    assert (outcome.code, found["verdict"]) == (3, "incomplete")
    assert f"at {mount.path}/folder/inner:" in found["cause"]
    assert took < SOON


@pytest.mark.parametrize(
    "options",
    [
        {"latency": "150ms"},
        # nothing is cached: each of the many calls for one entry is slow
        {"latency": "15ms", "entry_timeout": "0s", "attr_timeout": "0s", "entries": 2},
    ],
)
def test_slow_but_alive_is_not_hung(verify, mount_gofuse, options):
    with mount_gofuse(plus=False, **options) as mount:
        code, found = verify(mount.path, "--timeout", "1", "--jobs", "2")
    assert (code, found["verdict"]) == (0, "needed")
    assert found["seconds"] > 1, "too quick to show anything"


def test_the_worker_ends_with_its_parent(mount_gofuse):
    with mount_gofuse(entries=1_000_000, latency="1ms", plus=False) as mount:

        def worker() -> list[str]:
            """The processes told to walk there, by the arguments they were started with."""
            told = f"'path': {str(mount.path)!r}".encode()
            return [p.parent.name for p in Path("/proc").glob("[0-9]*/cmdline") if told in _content(p)]

        process = subprocess.Popen([sys.executable, "-m", "nlinkshim", "verify", str(mount.path)])
        processes.wait_until(worker, 10, "starting the worker")
        time.sleep(0.3)
        process.kill()
        process.wait()
        processes.wait_until(lambda: not worker(), 5, "the worker's end")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_interrupted_tells_what_it_knows(mount_gofuse):
    with mount_gofuse(entries=1_000_000, latency="1ms", plus=False) as mount:
        command = [sys.executable, "-m", "nlinkshim", "verify", "--format", "json", str(mount.path)]
        # a test run in the background ignores it, and what it starts would too
        command = ["env", "--default-signal=INT", *command]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        process.send_signal(2)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 3, err
    (found,) = json.loads(out)["mounts"]
    assert (found["verdict"], found["cause"]) == ("incomplete", "interrupted")
    assert found["entries"] > 1
    assert "Traceback" not in err

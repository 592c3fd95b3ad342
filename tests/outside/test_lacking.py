"""A host that lacks what newer kernels, newer headers and a terminal give: every command works as ever."""

from __future__ import annotations

import errno
import json
import subprocess

import pytest
from harness import lacking
from harness.lacking import Lack
from harness.preload import Shim, bare

CALLS = ("memfd_create", "pidfd_open", "statx")
ATTRIBUTES = ("memfd_create", "pidfd_open", "posix_spawnp", "copy_file_range", "eventfd")
LACKS = {
    "old-headers": Lack(attributes=ATTRIBUTES),
    "eperm": Lack(denied=dict.fromkeys(CALLS, errno.EPERM)),
    "enosys": Lack(denied=dict.fromkeys(CALLS, errno.ENOSYS)),
    "no-stdin": Lack(closed=(0,)),
    "no-stdout": Lack(closed=(1,)),
    "no-stderr": Lack(closed=(2,)),
    "no-streams": Lack(closed=(0, 1, 2)),
}


@pytest.fixture(scope="module")
def sleeper(shim: Shim):
    """A process under the shim."""
    with subprocess.Popen(["sleep", "300"], env=shim()) as process:
        yield process.pid
        process.kill()


@pytest.fixture(scope="module")
def calls(lying_mount, sleeper: int) -> dict[str, list[object]]:
    return {
        "verify": ["verify", "--format", "json", lying_mount.path],
        "doctor": ["doctor", "--format", "json", lying_mount.path],
        "status": ["status", "--format", "json", "--pid", sleeper],
        "audit": ["audit", "--format", "json", "/bin/ls"],
        "env": ["env", "--format", "systemd"],
        "run": ["run", "--", "sh", "-c", "case $LD_PRELOAD in *nlinkshim*) exit 0; esac; exit 1"],
        "install": ["install", "DEST"],
    }


EXPECTED = {
    "verify": '"verdict": "needed"',
    "doctor": "report a link count of 0; the shim corrects every one",
    "status": '"effective": true',
    "audit": '"verdict": "reachable"',
    "env": "LD_PRELOAD=",
    "run": "",
    "install": "LD_PRELOAD=",
}


@pytest.mark.parametrize("lack", LACKS)
@pytest.mark.parametrize("command", EXPECTED)
def test_every_command_works(command: str, lack: str, calls, folder):
    words = [folder / "copy.so" if word == "DEST" else word for word in calls[command]]
    done = lacking.run(LACKS[lack], *words, env=bare())
    # doctor looks at other smbd of this host too
    assert done.returncode in ((0, 1) if command == "doctor" else (0,)) and done.stderr == "", done
    assert done.stdout == "" if 1 in LACKS[lack].closed else EXPECTED[command] in done.stdout
    if command == "verify" and done.stdout:
        (mount,) = json.loads(done.stdout)["mounts"]
        assert mount["fresh"] == ("statx" not in LACKS[lack].denied) and mount["closely"] > 0
    if command == "install":
        assert (folder / "copy.so").stat().st_mode & 0o777 == 0o755


def test_what_could_not_be_asked_afresh_is_said(calls, lying_mount):
    done = lacking.run(LACKS["eperm"], "verify", lying_mount.path, env=bare())
    assert "note: the daemon could not be asked afresh" in done.stdout


@pytest.mark.parametrize("lack", ["no-stderr", "no-streams"])
def test_a_complaint_that_nobody_reads(lack: str):
    """Neither a traceback in another file nor another exit code."""
    assert lacking.run(LACKS[lack], "verify", "/no/such/path", env=bare()).returncode == 2


def test_a_program_finds_its_streams_closed_again():
    """What `run` opened in place of closed streams is not handed on."""
    done = lacking.run(Lack(closed=(0,)), "run", "--", "sh", "-c", "ls -l /proc/$$/fd/0", env=bare())
    assert done.returncode != 0 and "No such file" in done.stderr

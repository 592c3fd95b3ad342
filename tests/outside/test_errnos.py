"""What to do is told by what was seen: a remedy for each errno, and for whom it was answered to."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.cli import nlinkshim
from harness.namespace import mount_dead, privately
from harness.preload import bare

from nlinkshim.mounts.illness import REFUSED, advice
from nlinkshim.mounts.table import parse_mountinfo

FUSE, DISK = parse_mountinfo(
    b"30 21 0:40 / /mnt/dfs rw - fuse.dfs dfs rw,user_id=0,group_id=0,allow_other\n"
    b"21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
)
SEEN = {
    errno.EIO: "log of the FUSE server",
    errno.ENOSYS: "mend the FUSE server",
    errno.EOPNOTSUPP: "mend the FUSE server",
    errno.ERANGE: "mend the FUSE server",
    errno.EOVERFLOW: "mend the FUSE server",
    errno.EINVAL: "mend the FUSE server",
    errno.ENAMETOOLONG: "shorten the names",
    errno.ETIMEDOUT: "network",
    errno.EHOSTDOWN: "network",
    errno.ENOMEM: "memory",
    errno.EMFILE: "ulimit -n",
    errno.EBUSY: "verify again",
    errno.EPERM: "another user namespace",
    errno.EACCES: "another user namespace",
    errno.EUCLEAN: "log of the FUSE server",  # of no row
}
# In a user namespace of its own, as a rootless container's: a FUSE mount that is open to all.
ROOTLESS = """
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
outside = os.geteuid()
assert libc.unshare(0x10000000 | 0x20000) == 0
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {outside} 1"), ("gid_map", f"0 {outside} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
device = os.open("/dev/fuse", os.O_RDWR)
data = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
if libc.mount(b"test", sys.argv[1].encode(), b"fuse.test", 0, data.encode()) != 0:
    raise OSError(ctypes.get_errno(), "mount")
print("mounted", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize("mount", [FUSE, DISK, None], ids=["fuse", "disk", "unknown"])
def test_every_errno_has_a_remedy(mount, user: int):
    for error in errno.errorcode:
        text = advice(error, mount, user)
        assert text.isprintable() and not text.endswith(".")
        assert ("run as root" in text) == (error in REFUSED and user != 0), (errno.errorcode[error], text)
        assert mount is FUSE or "FUSE" not in text, (errno.errorcode[error], text)


@pytest.mark.parametrize("error", SEEN, ids=errno.errorcode.get)
def test_a_remedy_fits_what_was_seen(hostile, look, error: int):
    with hostile(f"files,each=3,errno={error}") as mount:
        told = look(mount.path, text=False)
    assert told.code == 3
    assert SEEN[error] in told.mount["remedy"]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSYS, errno.ETIMEDOUT], ids=errno.errorcode.get)
def test_of_the_root_both_commands_say_the_same(hostile, look, error: int):
    with hostile(f"root,errno={error}") as mount:
        told = look(mount.path, text=False)
        found = nlinkshim("doctor", "--format", "json", mount.path).document["findings"]
    assert told.outcome == ("other-cause", 3)
    assert SEEN[error] in told.mount["remedy"]
    of_doctor = [f["remedy"] for f in found if f["level"] == "FAIL" and f["subject"] == str(mount.path)]
    assert not of_doctor or SEEN[error] in of_doctor[0]


def test_a_file_system_names_itself_with_escapes(folder: Path):
    """Who may mount chooses the type, which the kernel lists as it is."""
    require("root", "fuse")
    point = folder / "dfs"
    point.mkdir()

    def task() -> None:
        mount_dead(point, fstype="fuse.\x1b[31mred\u202e")
        for words in (["verify", point], ["doctor", point]):
            done = nlinkshim(*words)
            assert "daemon is gone" in done.out
            assert all(line.isprintable() for line in (done.out + done.err).split("\n")), done

    privately(task)


def test_the_mount_of_a_rootless_container(folder: Path):
    """Root of the host stands in its mount namespace, and is let in by nobody."""
    require("root", "fuse")
    command = [sys.executable, "-c", ROOTLESS, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as container:
        try:
            assert container.stdout is not None and container.stdout.readline() == "mounted\n"
            inside = ["nsenter", f"--mount=/proc/{container.pid}/ns/mnt", sys.executable, "-m", "nlinkshim"]
            env = bare(PYTHONPATH=os.pathsep.join(sys.path))
            verify = processes.run([*inside, "verify", str(folder)], env=env, check=False)
            doctor = processes.run([*inside, "doctor", str(folder)], env=env, check=False)
        finally:
            container.kill()
    assert verify.returncode == 3 and "may not read it (Permission denied)" in verify.stdout
    assert "another user namespace (of a rootless container)" in verify.stdout
    assert "run as root" not in verify.stdout
    assert doctor.returncode == 1 and "another user namespace (of a rootless container)" in doctor.stdout

"""Guests of User-mode Linux: a Debian kernel as a process, on the root file system of this host, read only.

/run, /tmp, /mnt and, on a disk, /srv are the guest's own, /run/lab is a folder of the host. Programs of the
host, python3 too, are there under the same names. The clock is the host's. Commands run as those of
harness/guest.py do.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from harness import guest, guest_image, processes

from .network import PREFIX_LENGTH, TIED, Switch

INIT = Path(__file__).with_name("init.sh")
MEMORY = "256M"
DISK = "4M"


@contextlib.contextmanager
def launched(switch: Switch, name: str, address: str, folder: Path, preload: Path) -> Iterator[guest.Machine]:
    """A guest at a port of the switch that is named as it is. Ask it to wait_until_booted before all else.

    `folder` is its /run/lab: it holds `hosts`, which becomes the guest's /etc/hosts.
    """
    switch.add_tap(name)
    shutil.copy(guest_image.CHANNEL, folder)
    private = folder / f"uml-{name}"
    private.mkdir()
    disk = private / "disk"
    processes.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", str(disk), DISK])
    console, complaints = private / "console", private / "stderr"
    ours, theirs = socket.socketpair()
    with ours, console.open("wb") as out, complaints.open("wb") as err:
        with theirs:
            process = processes.start(
                _command(switch, name, address, folder, private, preload, theirs.fileno()),
                stdout=out,
                stderr=err,
                pass_fds=(theirs.fileno(),),
            )
        try:
            yield guest.Machine(process, ours, [complaints, console], "User-mode Linux")
        finally:
            process.kill()  # a guest with a mount that hangs would not end by itself
            process.wait(10)


def _command(
    switch: Switch, name: str, address: str, folder: Path, private: Path, preload: Path, channel: int
) -> list[str]:
    # The memory of the guest is a file, which is to be in memory whatever /dev/shm allows. Its processes are
    # processes here: with a process namespace of their own none outlives it.
    start = 'mount -t tmpfs -o mode=0700 tmpfs "$0" && exec env TMPDIR="$0" "$@"'
    memory = private / "memory"
    memory.mkdir()
    return [
        *TIED,
        *switch.here.inside("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *["sh", "-c", start, str(memory), "env", f"LD_PRELOAD={preload}"],
        *["linux.uml", f"umid={name}", f"uml_dir={private}", f"mem={MEMORY}"],
        *["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={INIT}"],
        *["con=null", "con0=null,fd:1", f"ssl1=fd:{channel}"],
        *[f"ubd0={private}/disk"],
        *[f"vec0:transport=tap,ifname={name},depth=128,gro=1"],
        *[f"LAB={folder}", f"ADDRESS={address}/{PREFIX_LENGTH}", "quiet", "panic=1"],
    ]

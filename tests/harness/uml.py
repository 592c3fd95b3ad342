"""A User-mode Linux guest (Debian: user-mode-linux) on the root of this machine, for one script.

Its kernel maps its vDSO at a fixed address, as x86-64 kernels before 3.16 did.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import processes

KERNEL = "linux.uml"
XSTATE = Path(__file__).parent.parent / "probe" / "xstate.c"

# The guest sees this machine's files, but must not write to them.
PREAMBLE = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm; mount -t tmpfs tmpfs /dev/shm
insmod /usr/lib/uml/modules/$(uname -r)/kernel/fs/fuse/fuse.ko
echo begin
"""
POSTAMBLE = """
echo end
echo o >/proc/sysrq-trigger
sleep 10
"""


def build_preload(folder: Path) -> Path:
    """Compile xstate.c, without which kernels before 6.13 do not run on every processor."""
    library = folder / "xstate.so"
    processes.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(XSTATE)])
    return library


def run(script: str, folder: Path, kernel: str | None = None, timeout: float = 60.0) -> list[str]:
    """Run the lines of shell as the guest's init, as root. Returns what they printed.

    /dev/shm is writable. `folder` holds what the guest needs meanwhile.
    """
    preload = build_preload(folder)
    init = folder / "init"
    init.write_text(PREAMBLE + script + POSTAMBLE)
    init.chmod(0o755)
    command = [
        kernel or shutil.which(KERNEL) or KERNEL,
        f"umid={folder.name}",
        f"uml_dir={folder}",
        "mem=256M",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        f"init={init}",
        *("con=null", "con0=null,fd:1", "ssl=null", "quiet", "panic=1"),
    ]
    env = {**os.environ, "LD_PRELOAD": str(preload), "TMPDIR": str(folder)}
    done = processes.run(command, env=env, timeout=timeout, check=False, start_new_session=True)
    lines = done.stdout.replace("\r", "").split("\n")
    assert "begin" in lines and "end" in lines, done.stdout[-3000:]
    return lines[lines.index("begin") + 1 : lines.index("end")]

"""Guests of qemu, where User-mode Linux cannot be had: the machine of harness/guest.py at the switch.

They have of the host what consumers need, in memory: /run/lab, python3 with what runs there, iptables. /srv
is a tmpfs.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from harness import guest, guest_image, guest_kernel, processes

from .network import PREFIX_LENGTH, TIED, Switch

PROGRAMS = ("iptables-legacy", "setpriv", "perl")
MODULES = ("iptable_filter", "iptable_nat", "xt_tcpudp", "xt_nat", "ipt_REJECT")
EXTENSIONS = [  # of iptables, for the rules of a service
    Path("/usr/lib/x86_64-linux-gnu/xtables") / f"lib{kind}_{name}.so"
    for kind in ("ipt", "xt")
    for name in ("standard", "tcp", "DNAT", "NAT", "REJECT")
]
PYTHON = Path(sys.base_prefix) / "bin" / "python3"
# Nothing can be moved or mapped that lies in the initramfs itself.
PREPARE = f"""\
[ -e /bin/python3 ] || ln -s {PYTHON} /bin/python3
cp -a /lab /run/lab
cp /lab/hosts /etc/hosts
mkdir -p /srv /dev/shm
mount -t tmpfs tmpfs /srv
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
"""
# What python3 opens for these programs: by what they import, and argparse when it is used.
LIST = """
import argparse, contextlib, encodings, io, pathlib, runpy, sys, traceback
for program in sys.argv[1:]:
    runpy.run_path(program, run_name="looked at")
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    argparse.ArgumentParser().parse_args(["--help"])
print(*{getattr(module, "__file__", None) or "" for module in sys.modules.values()}, sep="\\n")
print(*pathlib.Path(encodings.__file__).parent.glob("*.py"), sep="\\n")
"""


@contextlib.contextmanager
def launched(switch: Switch, name: str, address: str, folder: Path) -> Iterator[guest.Machine]:
    """A guest at a port of the switch that is named as it is. Ask it to wait_until_booted before all else.

    `folder` holds what it finds in /run/lab, and `hosts`, which becomes its /etc/hosts.
    """
    switch.add_tap(name)
    private = folder.parent / f"qemu-{name}"
    private.mkdir()
    kernel, image = guest_kernel.obtain(), private / "initramfs"
    guest_image.build(image, kernel, _files(folder), PROGRAMS, MODULES)
    tap = f"tap,id=net,ifname={name},script=no,downscript=no"
    before = [*TIED, *switch.here.inside()]
    line = f"ADDRESS={address}/{PREFIX_LENGTH}"
    with guest.launched(private, kernel, image, tap, line, before=before) as machine:
        yield machine


def _files(folder: Path) -> dict[str, Path | str]:
    files: dict[str, Path | str] = {"/prepare": PREPARE}
    files |= {f"/lab/{path.relative_to(folder)}": path for path in folder.rglob("*") if path.is_file()}
    programs = [str(path) for path in folder.glob("*.py")]
    found = processes.run([str(PYTHON), "-I", "-S", "-c", LIST, *programs]).stdout.split("\n")
    needed = [path for path in map(str, [PYTHON, *EXTENSIONS, *found]) if not path.endswith(".py")]
    needed = [path for path in needed if Path(path).is_file()]
    names = {*found, *needed, *(library for one in needed for library in guest_image.libraries(one))}
    files |= {name: Path(name) for name in names if name and Path(name).is_file()}
    return files

"""Checks of the kernel and its devices: FUSE for the server, CIFS for a consumer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer, passed, warned
from nlinkshim.mounts.remedy import Remedy, quote

MOUNT_IDS_SINCE = (5, 8)
FUSE_DEVICE = "/dev/fuse"
FUSE_CONF = Path("/etc/fuse.conf")
MODULES = Path("/lib/modules")


def release(context: Context) -> Iterator[Answer]:
    name = os.uname().release
    version = tuple(int(part) for part in re.findall(r"\d+", name)[:2])
    if version < MOUNT_IDS_SINCE:
        yield warned(
            "kernel",
            f"Linux {name}: before 5.8 the shim tells mounts apart by device number alone",
            "upgrade the kernel to 5.8 or later",
        )
    else:
        yield passed("kernel", f"Linux {name}")


def fuse_device(context: Context) -> Iterator[Answer]:
    """Only the FUSE server needs it, which may be in another container: never a failure."""
    try:
        os.close(os.open(FUSE_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        yield warned(
            FUSE_DEVICE,
            "there is none: no FUSE file system can be served from here",
            "in a container: run it with --device /dev/fuse"
            if known("fuse")
            else Remedy("load its module; in a container: run it with --device /dev/fuse", "modprobe fuse"),
        )
    except OSError as error:
        yield warned(
            FUSE_DEVICE,
            f"it cannot be opened ({error.strerror}): no FUSE file system can be served from here by this"
            " user",
            Remedy(
                "let every user open it; in a container: run it with --device /dev/fuse",
                "chmod 666 /dev/fuse",
            ),
        )
    else:
        yield passed(FUSE_DEVICE, "FUSE file systems can be served from here")


def fuse_conf(context: Context) -> Iterator[Answer]:
    try:
        lines = FUSE_CONF.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    if "user_allow_other" in (line.strip() for line in lines):
        yield passed(str(FUSE_CONF), "any user may mount with allow_other")
    elif os.geteuid() == 0:
        yield passed(str(FUSE_CONF), "only root may mount with allow_other, and this is root")
    else:
        yield warned(
            str(FUSE_CONF),
            "only root may mount with allow_other: smbd will not see what another user mounts",
            Remedy("as root, allow it", f"echo user_allow_other >> {quote(str(FUSE_CONF))}"),
        )


def cifs(context: Context) -> Iterator[Answer]:
    """A host that only serves needs no client: never a failure."""
    modules = MODULES / os.uname().release
    if known("cifs"):
        yield passed("CIFS client", "it is in the kernel")
    elif any("/cifs.ko" in _text(modules / name) for name in ("modules.builtin", "modules.dep")):
        yield passed("CIFS client", "it is a module of this kernel, loaded when the first share is mounted")
    elif not modules.is_dir():
        yield warned(
            "CIFS client",
            f"it is not loaded, and there is no {modules} to load it from: a share cannot be mounted from"
            " here"
            " (from a container: unless the host has loaded it)",
            Remedy("load it, on the host", "modprobe cifs"),
        )
    else:
        yield warned(
            "CIFS client",
            "this kernel has none: a share cannot be mounted on this host",
            "`apt-get install linux-modules-extra-$(uname -r)` (Ubuntu), or boot the distribution's full"
            " kernel",
        )


def known(file_system: str) -> bool:
    """Whether the running kernel has the file system, now."""
    return any(line.split("\t")[-1] == file_system for line in _text(Path("/proc/filesystems")).splitlines())


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

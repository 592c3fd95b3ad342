"""Checks of the shim's way into a process: its file, the loader, and what a sandbox forbids."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nlinkshim.child import Child, DiedError, HungError
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer, failed, passed, warned
from nlinkshim.errors import NlinkshimError, UsageError
from nlinkshim.mounts.remedy import Remedy, allow_exec, quote
from nlinkshim.mounts.table import mount_of, visible_mount
from nlinkshim.shim.handshake import prove_loading
from nlinkshim.shim.preload import check_nameable, preload_environment, shim_path

STATX_MNT_ID = 0x1000
STABLE_PLACE = "/usr/local/lib/libnlinkshim.so"
_REINSTALL = Remedy(
    "reinstall it", f"{quote(sys.executable)} -m pip install --force-reinstall --no-deps nlinkshim"
)
_COPY = Remedy("preload a copy, from a path that LD_PRELOAD can hold", f"nlinkshim install {STABLE_PLACE}")
_MOUNT_PROC = Remedy("mount it", "mount -t proc proc /proc")
# What the shim reads there, and how to try it.
_NEEDED_IN_PROC: dict[str, Callable[[Path], object]] = {
    "/proc/thread-self/mountinfo": Path.read_bytes,
    "/proc/self/fd": lambda folder: list(folder.iterdir()),
}


def shim_loads(context: Context) -> Iterator[Answer]:
    """A private process really preloaded."""
    try:
        shim = shim_path()
        check_nameable(str(shim))
        loaded = prove_loading(shim)
    except UsageError as error:
        yield failed("the shim", f"it cannot be loaded: {error}", _COPY)
        return
    except NlinkshimError as error:
        remedy = _REINSTALL if Path("/proc/self/exe").exists() else _MOUNT_PROC
        yield failed("the shim", f"it cannot be loaded: {error}", remedy)
        return
    yield passed(
        str(shim), f"version {loaded.version} was preloaded into a process and answers; scope {loaded.scope}"
    )


def shim_noexec(context: Context) -> Iterator[Answer]:
    """A loader cannot map code from a noexec mount."""
    try:
        shim = str(shim_path().resolve())
    except NlinkshimError:
        return  # shim-loads says so
    mount = visible_mount(shim) or mount_of(shim, context.mounts)
    if mount is None:
        return
    if "noexec" in mount.options:
        yield failed(
            shim,
            f"its file system, mounted at {mount.path}, is mounted noexec: no loader can load it from there",
            Remedy("take noexec off it", allow_exec(mount, context.mounts)),
        )
    else:
        yield passed(shim, f"its file system, mounted at {mount.path}, allows to map code")


def proc(context: Context) -> Iterator[Answer]:
    """Without /proc the shim knows no scope and corrects nothing."""
    for name, read in _NEEDED_IN_PROC.items():
        try:
            read(Path(name))
        except OSError as error:
            yield failed(
                name,
                f"it cannot be read ({error.strerror}): the shim finds no mounts and corrects nothing",
                _MOUNT_PROC,
            )
            return
    yield passed("/proc", "the shim can read the list of mounts")


def seccomp(context: Context) -> Iterator[Answer]:
    """A filter on the system calls. What is asked of the kernel here, the shim asks of it in smbd."""
    subject = "system calls"
    remedy = "run the container with a newer seccomp profile, or with --security-opt seccomp=unconfined"
    try:
        environment = preload_environment()
    except NlinkshimError:
        return  # shim-loads says so
    try:
        (told,) = Child("nlinkshim.engines.doctor.loading:ask_kernel", None, context.timeout, environment)
    except (HungError, DiedError) as error:
        if "SIGSYS" in str(error):
            yield failed(subject, "a seccomp filter kills processes that call statx", remedy)
        else:
            yield warned(subject, f"they could not be tried: {error}", None)
        return
    filtered = "a seccomp filter is on" if _seccomp_mode() == "2" else "no seccomp filter is on"
    if told["statx"]:
        yield warned(
            subject,
            f"{filtered}, and statx fails ({os.strerror(told['statx'])}): the shim falls back to device"
            " numbers,"
            " other programs may fail",
            remedy,
        )
    elif told["mount_id"] is False:
        yield warned(
            subject,
            f"{filtered}; statx tells no mount ids (before Linux 5.8, or filtered): device numbers serve"
            " instead",
            None,
        )
    else:
        yield passed(subject, f"{filtered}; the calls of the shim pass")


def ask_kernel(_: None) -> Iterator[dict[str, Any]]:
    """The task of the child: statx by libc, with the shim in front of it. `mount_id` is None where libc has
    no statx."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(256)
    if not hasattr(libc, "statx"):
        yield {"statx": 0, "mount_id": None}
    elif libc.statx(-100, b"/", 0, STATX_MNT_ID, buffer) != 0:
        yield {"statx": ctypes.get_errno(), "mount_id": None}
    else:
        yield {"statx": 0, "mount_id": bool(int.from_bytes(buffer.raw[:4], sys.byteorder) & STATX_MNT_ID)}


def _seccomp_mode() -> str:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return ""
    return next((line.split()[1] for line in status.splitlines() if line.startswith("Seccomp:")), "0")

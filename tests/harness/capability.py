"""What this machine must offer for a test to make sense."""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from nlinkshim.guard import mapped_clone

from . import foreign, guest_kernel

GO_FUSE_SOURCE = Path("/usr/share/gocode/src/github.com/hanwen/go-fuse")
GUEST_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "mount.cifs": "cifs-utils",
    "modprobe": "kmod",
}
LAB_PROGRAMS = {
    "mount.cifs": "cifs-utils",
    "iptables-legacy": "iptables",
    "ip": "iproute2",
    "modprobe": "kmod",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "gcc": "gcc",
    "smbclient": "smbclient",
}
LIBRARY_FOLDERS = [Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib64"), Path("/usr/lib")]


def find_library(name: str) -> Path | None:
    """The file of a shared library that is used as a preload, by its name below the library folders."""
    return next((folder / name for folder in LIBRARY_FOLDERS if (folder / name).exists()), None)


def _program(name: str, package: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
        return None if shutil.which(name, path=path) else f"{name} is not installed (Debian: {package})"

    return missing


def _library(name: str, package: str) -> Callable[[], str | None]:
    return lambda: None if find_library(name) else f"{name} is not installed (Debian: {package})"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "needs root"


def _fuse() -> str | None:
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/fuse cannot be opened: {error.strerror}"
    return _root()


def _go_fuse() -> str | None:
    if not GO_FUSE_SOURCE.is_dir():
        return "go-fuse is not installed (Debian: golang-github-hanwen-go-fuse-dev)"
    return _program("go", "golang-go")() or _fuse()


def _statmount() -> str | None:
    statmount = 457  # on every machine
    ctypes.CDLL(None, use_errno=True).syscall(statmount, None, None, 0, 0)
    return (
        "statmount(2) is not there (Linux 6.8), or denied"
        if ctypes.get_errno() in (errno.ENOSYS, errno.EPERM)
        else None
    )


def _mfusepy() -> str | None:
    if importlib.util.find_spec("mfusepy") is None:
        return "mfusepy is not installed (PyPI: mfusepy)"
    return _fuse()


def _fsspec() -> str | None:
    for name, package in {"fsspec": "fsspec", "fuse": "fusepy"}.items():
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed (PyPI: {package})"
    return None if find_library("libfuse.so.2") else "libfuse 2 is not installed (Debian: libfuse2)"


def _overlay() -> str | None:
    known = "\toverlay\n" in Path("/proc/filesystems").read_text()
    return _root() if known else "the kernel has no overlayfs"


def _idmap() -> str | None:
    try:
        os.close(mapped_clone(os.environ.get("NLINKSHIM_TEST_DIR") or tempfile.gettempdir()))
    except OSError as error:
        return f"nothing below {tempfile.gettempdir()} can be mounted with an id map: {error.strerror}"
    return None


def _guest() -> str | None:
    for name, package in GUEST_PROGRAMS.items():
        if reason := _program(name, package)():
            return reason
    try:
        guest_kernel.obtain()
    except (guest_kernel.NoKernelError, OSError, subprocess.TimeoutExpired) as error:
        return f"no kernel for a guest: {error}"
    return None


def _foreign() -> str | None:
    """qemu for programs of other machines, and their C libraries."""
    if importlib.util.find_spec("ziglang") is None:
        return "ziglang is not installed (PyPI: ziglang)"
    try:
        foreign.obtain()
    except (foreign.UnavailableError, OSError, subprocess.TimeoutExpired) as error:
        return f"no programs of other machines: {error}"
    return _go_fuse()


def _lab() -> str | None:
    """Guests of User-mode Linux or else of qemu, the switch between them, and servers on it."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/net/tun cannot be opened: {error.strerror}"
    programs = (_program(name, package)() for name, package in LAB_PROGRAMS.items())
    guest = _program("linux.uml", "user-mode-linux")() and _guest()
    return next(filter(None, programs), None) or guest or _root() or _go_fuse() or _overlay()


CAPABILITIES: dict[str, Callable[[], str | None]] = {
    "root": _root,
    "fuse": _fuse,
    "go": _go_fuse,
    "mfusepy": _mfusepy,
    "fsspec": _fsspec,
    "rdiff-backup-fs": _program("rdiff-backup-fs", "rdiff-backup-fs, rdiff-backup"),
    "overlay": _overlay,
    "statmount": _statmount,
    "cc": _program("gcc", "gcc"),
    "clang": _program("clang", "clang"),
    "musl-gcc": _program("musl-gcc", "musl-tools"),
    "go-compiler": _program("go", "golang-go"),
    "aarch64-gcc": _program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu, libc6-dev-arm64-cross"),
    "i686-gcc": _program("i686-linux-gnu-gcc", "gcc-i686-linux-gnu, libc6-dev-i386-cross"),
    "setcap": _program("setcap", "libcap2-bin"),
    "idmap": _idmap,
    "guest": _guest,
    "lab": _lab,
    "foreign": _foreign,
    "smbd": _program("smbd", "samba"),
    "smbclient": _program("smbclient", "smbclient"),
    "podman": _program("podman", "podman"),
    "buildah": _program("buildah", "buildah"),
    "mmdebstrap": _program("mmdebstrap", "mmdebstrap"),
    "runc": _program("runc", "runc"),
    "catatonit": _program("catatonit", "catatonit"),
    "busybox": _program("busybox", "busybox-static"),
    "s6-supervise": _program("s6-supervise", "s6"),
    "strace": _program("strace", "strace"),
    "valgrind": _program("valgrind", "valgrind"),
    "readelf": _program("readelf", "binutils"),
    "capsh": _program("capsh", "libcap2-bin"),
    "uml": _program("linux.uml", "user-mode-linux"),
    "man": _program("man", "man-db"),
    "zsh": _program("zsh", "zsh"),
    "fish": _program("fish", "fish"),
    "bindfs": _program("bindfs", "bindfs"),
    "perl": _program("perl", "perl"),
    "rsync": _program("rsync", "rsync"),
    "shellcheck": _program("shellcheck", "shellcheck"),
    "tar": _program("tar", "tar"),
    "faketime": _library("faketime/libfaketime.so.1", "libfaketime"),
    "fakeroot": _library("libfakeroot/libfakeroot-sysv.so", "libfakeroot"),
    "jemalloc": _library("libjemalloc.so.2", "libjemalloc2"),
}


# Debian 12's own kernel is older: what needs these is skipped there, and tested by the other way besides.
OF_THE_KERNEL = {"statmount"}


@cache
def missing(name: str) -> str | None:
    """Why the capability is not there, or None if it is."""
    return CAPABILITIES[name]()


def require(*names: str) -> None:
    """Skip the test unless all are there. Where NLINKSHIM_REQUIRE_ALL=1 says that they must be, fail it."""
    for name in names:
        reason = missing(name)
        if reason is None:
            continue
        if os.environ.get("NLINKSHIM_REQUIRE_ALL") == "1" and name not in OF_THE_KERNEL:
            pytest.fail(f"{reason}, and NLINKSHIM_REQUIRE_ALL=1 forbids skipping", pytrace=False)
        pytest.skip(reason)

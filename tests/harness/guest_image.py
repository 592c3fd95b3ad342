"""The initramfs of the emulated machine of guest.py: busybox, some programs of this host, kernel modules."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import guest_kernel, processes
from .guest_kernel import Kernel

INIT = Path(__file__).parent.parent / "guest" / "init.sh"
CHANNEL = INIT.with_name("channel.sh")
# Besides busybox what it lacks, and before its applets what scripts rely on: its timeout ends with 143 in
# place of 124, its shell and its unshare start its own applets rather than any other program.
PROGRAMS = (
    *("busybox", "mount.cifs", "mountpoint", "flock"),
    *("dash", "mount", "umount", "timeout", "stat", "unshare", "nsenter"),
)
MODULES = ("virtio_net", "cifs", "nls_utf8")
CRYPTO = ("ccm", "gcm", "ghash-generic", "cmac", "seqiv", "sha512", "ecb")
FOLDERS = ("bin", "dev", "etc", "mnt", "modules", "proc", "run", "sys", "tmp")


def build(
    target: Path,
    kernel: Kernel,
    files: Mapping[str, Path | str],
    programs: Iterable[str] = (),
    modules: Iterable[str] = (),
) -> None:
    """Write the image to `target`. `files` are put into it: guest path -> file of this host, or its text; and
    more `programs` of this host and `modules` of the kernel than all guests have."""
    root = target.with_suffix(".root")
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    # One folder for all programs, under every name it is known by.
    (root / "sbin").symlink_to("bin")
    (root / "usr").symlink_to(".")
    (root / "bin/sh").symlink_to("dash")
    for name in (*PROGRAMS, *programs):
        _copy_program(name, root)
    loaded = kernel.modules((*MODULES, *CRYPTO, *modules))
    for module in loaded:
        (root / "modules" / _plain_name(module)).write_bytes(_plain_bytes(module))
    (root / "modules/order").write_text("".join(f"{_plain_name(module)}\n" for module in loaded))
    for name, content in {"/init": INIT, "/channel.sh": CHANNEL, **files}.items():
        file = root / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.read_bytes() if isinstance(content, Path) else content.encode())
        file.chmod(0o755)
    _pack(root, target)
    shutil.rmtree(root)


def _copy_program(name: str, root: Path) -> None:
    """With the libraries that it needs."""
    path = shutil.which(name, path=guest_kernel.SEARCH_PATH)
    if path is None:
        raise FileNotFoundError(f"no program {name} for the guest")
    shutil.copy(path, root / "bin" / name)
    for library in libraries(path):
        file = root / library.removeprefix("/usr").lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            shutil.copy(library, file)


def libraries(path: str) -> list[str]:
    """Those that a program or library needs. ldd's lines are "NAME => PATH (ADDRESS)", and for the loader
    "PATH (ADDRESS)"."""
    return re.findall(r"(/\S+) \(0x", processes.run(["ldd", path], check=False).stdout)


def _plain_name(module: Path) -> str:
    return module.name.removesuffix(".xz")


def _plain_bytes(module: Path) -> bytes:
    """Unpacked here: the emulated machine takes longer for it."""
    content = module.read_bytes()
    return lzma.decompress(content) if module.suffix == ".xz" else content


def _pack(root: Path, target: Path) -> None:
    names = [os.fspath(path.relative_to(root)) for path in sorted(root.rglob("*"))]
    with target.open("wb") as archive:
        subprocess.run(
            ["busybox", "cpio", "-o", "-H", "newc", "-R", "0:0"],
            input=os.fsencode("".join(f"{name}\n" for name in names)),
            stdout=archive,
            stderr=subprocess.PIPE,
            cwd=root,
            check=True,
            timeout=60,
        )

"""A Debian kernel for the emulated machine of guest.py: found by apt, unpacked once, kept in build/guest/."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import processes

CACHE = Path(__file__).parents[2] / "build" / "guest"
# The flavour for virtual machines is a third of the whole kernel's size, and has all that is needed here.
SEARCHED = r"^linux-image-[0-9]+\.[0-9]+\.[0-9].*-cloud-amd64$"
PREFERRED = "linux-image-6.12."
SEARCH_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"  # an ordinary user's has no sbin


class NoKernelError(Exception):
    """No kernel in the cache, and none from apt."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package."""

    root: Path

    @property
    def release(self) -> str:
        return self.root.name.removeprefix("linux-image-")

    @property
    def image(self) -> Path:
        return self.root / "boot" / f"vmlinuz-{self.release}"

    def modules(self, names: Iterable[str]) -> list[Path]:
        """The files of these modules and of all that they need, in the order to load them. A name that is no
        module of this kernel is left out: what is built in has none, and crypto moves between releases."""
        files: dict[Path, None] = {}
        for name in names:
            command = ["modprobe", "-d", str(self.root), "-S", self.release, "--show-depends", name]
            for line in _run(*command, check=False).stdout.splitlines():
                action, _, path = line.strip().partition(" ")
                if action == "insmod":
                    files[Path(path)] = None
        return list(files)


def obtain() -> Kernel:
    """The kernel in the cache, or else the newest 6.12 that apt offers, or else the newest."""
    if name := _best(path.name for path in CACHE.glob("linux-image-*")):
        return Kernel(CACHE / name)
    try:
        return _download()
    except NoKernelError:
        _run("apt-get", "update", "-qq", check=False)  # its lists may be old, or none
        return _download()


def _best(names: Iterable[str]) -> str | None:
    def rank(name: str) -> tuple[bool, list[int]]:
        return name.startswith(PREFERRED), [int(number) for number in re.findall(r"\d+", name)]

    return max(names, key=rank, default=None)


def _download() -> Kernel:
    found = _run("apt-cache", "search", "--names-only", SEARCHED, check=False).stdout
    name = _best(line.split(" - ")[0] for line in found.splitlines())
    if name is None:
        raise NoKernelError("apt offers no linux-image-*-cloud-amd64")
    CACHE.mkdir(parents=True, exist_ok=True)
    # Only what is complete gets the name under which it is looked for.
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=CACHE) as temporary:
        folder = Path(temporary)
        done = _run("apt-get", "download", "-q", name, check=False, cwd=folder)
        if done.returncode != 0:
            raise NoKernelError(f"apt-get download {name}: {done.stderr.strip()}")
        kernel = Kernel(folder / name)
        package = next(folder.glob("*.deb"))
        _run("dpkg", "-x", str(package), str(kernel.root))
        if not (kernel.root / "lib").exists():  # newer packages have usr/lib alone; modprobe wants lib
            (kernel.root / "lib").symlink_to("usr/lib")
        _run("depmod", "-b", str(kernel.root), kernel.release)
        with contextlib.suppress(OSError):  # another run of the tests was faster
            kernel.root.rename(CACHE / name)
    return Kernel(CACHE / name)


def _run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return processes.run([*command], env={**os.environ, "PATH": SEARCH_PATH}, timeout=90, **options)

"""What is measured, built and mounted when first needed: the programs, the peers, the file systems."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness import gofuse, mounts, processes
from harness.capability import CAPABILITIES, find_library, missing
from harness.preload import Shim, bare
from harness.table import SHIM_SOURCES

import nlinkshim

SOURCES = Path(__file__).parent
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", f"-iquote{SHIM_SOURCES}"]

PACKAGES = {"bfs": "bfs", "fdfind": "fd-find", "bindfs": "bindfs"}
CACHED = {"attr_timeout": "1h", "entry_timeout": "1h"}


@dataclass(frozen=True)
class Bench:
    folder: Path
    quick: bool
    stack: ExitStack  # ends what all questions share

    def scaled(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def program(self, name: str) -> Path:
        """A C program of this folder."""
        built = self.folder / name
        if not built.exists():
            command = ["gcc", *FLAGS, str(SOURCES / f"{name}.c"), "-o", str(built), "-ldl"]
            processes.run(command, timeout=60)
        return built

    @cached_property
    def shim(self) -> Shim:
        return Shim(nlinkshim.shim_path())

    @cached_property
    def nlinkshim(self) -> str:
        """The command as its users have it: from an editable installation it starts slower."""
        home = self.folder / "installed"
        processes.run([sys.executable, "-m", "venv", str(home)], timeout=60)
        processes.run([f"{home}/bin/pip", "install", "--quiet", str(SOURCES.parent)], timeout=300)
        return f"{home}/bin/nlinkshim"

    @cached_property
    def peers(self) -> dict[str, dict[str, str]]:
        """The environments: bare, shim, and those other preloads of the stat family that are installed."""
        peers = {"bare": bare(), "shim": self.shim()}
        if faketime := find_library("faketime/libfaketime.so.1"):
            peers["libfaketime"] = bare(LD_PRELOAD=str(faketime), FAKETIME="+1d")
        if fakeroot := find_library("libfakeroot/libfakeroot-sysv.so"):
            key = self.stack.enter_context(_faked())
            peers["fakeroot"] = bare(LD_PRELOAD=str(fakeroot), FAKEROOTKEY=key)
        return peers

    @cached_property
    def gofuse(self) -> Path:
        if reason := missing("go"):
            raise SystemExit(f"the file system to measure on: {reason}")
        return gofuse.build(self.folder)

    def mount(self, name: str, **options: object) -> AbstractContextManager[mounts.FuseMount]:
        """The go-fuse server of the tests; the options are its flags."""
        return gofuse.mount(self.gofuse, self.folder / name, **options)


@contextmanager
def _faked() -> Iterator[str]:
    """The daemon that libfakeroot asks; the command fakeroot, when killed, would leave it behind."""
    daemon = processes.start(["faked-sysv", "--foreground"], stdout=subprocess.PIPE, text=True)
    try:
        assert daemon.stdout is not None
        yield daemon.stdout.readline().partition(":")[0]
    finally:
        processes.stop(daemon)


def absent(name: str) -> str | None:
    """Why a peer or a tool cannot be had, for a note, or None."""
    if name in CAPABILITIES:
        return missing(name)
    return None if shutil.which(name) else f"{name} is not installed (Debian: {PACKAGES[name]})"

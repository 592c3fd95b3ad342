"""The generated script `mounter`, in a mount namespace of its own: as a privileged container would run it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nlinkshim import generate
from nlinkshim.engines.generate.settings import Settings

from . import mounts, processes, releases

MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20
TOOLS = [
    "cat",
    "chmod",
    "chown",
    "date",
    "find",
    "mkdir",
    "mount",
    "mv",
    "rm",
    "sed",
    "sleep",
    "stat",
    "tail",
    "timeout",
    "umount",
]


def generated(folder: Path) -> Path:
    """The script as `generate` writes it, below this folder."""
    generate("kubernetes", folder, settings=Settings())
    return folder / "image/mounter"


@contextlib.contextmanager
def shared_folder(path: Path) -> Iterator[Path]:
    """A folder whose mounts every namespace sees: what a hostPath with Bidirectional is."""
    path.mkdir()
    with mounts.bound(path, path):
        mounts.mount("none", path, None, MS_PRIVATE)
        mounts.mount("none", path, None, MS_SHARED)
        try:
            yield path
        finally:
            for line in reversed(mounts.mount_lines()):
                if path in line.point.parents or (line.point == path and is_guarded(path)):
                    mounts.detach_top(line.point)


def is_guarded(path: Path) -> bool:
    """Whether what is mounted there has an id map."""
    lines = Path("/proc/self/mountinfo").read_text().split("\n")
    settings = [line.split()[5] for line in lines if line and line.split()[4] == str(path)]
    return bool(settings) and "idmapped" in settings[-1].split(",")


def newer_mount(folder: Path) -> str:
    """A PATH with the mount(8) of Debian 13 before all else: that of Debian 12 knows no id maps."""
    root = releases.unpacked("4.22")
    libraries = root / "usr/lib/x86_64-linux-gnu"
    program = folder / "newer" / "mount"
    program.parent.mkdir()
    loader = f'{root}/usr/lib64/ld-linux-x86-64.so.2 --library-path "{libraries}"'
    program.write_text(f'#!/bin/sh\nexec {loader} {root}/usr/bin/mount "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def older_mount(folder: Path) -> str:
    """A PATH with a mount(8) before all else that knows no id maps, as that of Debian 12."""
    program = folder / "older" / "mount"
    program.parent.mkdir()
    program.symlink_to(shutil.which("busybox") or "busybox is not installed")
    return f"{program.parent}:{os.environ['PATH']}"


def busybox_tools(folder: Path) -> Path:
    """A folder of nothing but busybox, as Alpine's /bin is."""
    folder.mkdir()
    for name in ["sh", *TOOLS]:
        (folder / name).symlink_to(shutil.which("busybox") or "busybox is not installed")
    return folder


@dataclass
class Mounter:
    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[str]:
        """What it said so far, without the time."""
        return [line.partition(": ")[2].partition(": ")[2] for line in self.log.read_text().splitlines()]

    def said(self, pattern: str) -> str | None:
        return next((line for line in self.lines() if re.search(pattern, line)), None)

    def wait_for(self, pattern: str, timeout: float) -> str:
        """The first line that matches."""

        def found() -> str | None:
            assert self.process.poll() is None or self.said(pattern), self.log.read_text()
            return self.said(pattern)

        try:
            return processes.wait_until(found, timeout, f"{pattern!r} in the log")
        except TimeoutError as error:
            raise AssertionError(f"{error}: {self.log.read_text()}") from error

    def terminate(self) -> tuple[int, float]:
        """Exit code, and how many seconds it took."""
        begin = time.monotonic()
        self.process.terminate()
        return self.process.wait(10), time.monotonic() - begin


@contextlib.contextmanager
def running(
    script: Path, folder: Path, *arguments: object, interpreter: tuple[str, ...] = ("sh",), **settings: object
) -> Iterator[Mounter]:
    """Run the script. What it mounts and unmounts below a shared folder shows here; nothing else does.

    `settings` are its environment: path= is PATH, the others are NLINKSHIM_<NAME>.
    """
    run = folder / "run"
    run.mkdir(exist_ok=True)
    path = settings.pop("path", os.environ["PATH"])
    env: Mapping[str, str] = {
        **os.environ,
        "NLINKSHIM_RUN": str(run),
        **{f"NLINKSHIM_{name.upper()}": str(value) for name, value in settings.items()},
    }
    log = folder / "mounter.log"
    # what the container runtime gives: a tmpfs that no one else sees, beside the shared folder
    setup = (
        f'mount --make-private "$(stat -c %m "{run}")" && mount -t tmpfs none "{run}" && PATH=$0 && exec "$@"'
    )
    command = ["unshare", "--mount", "--propagation", "unchanged", "/bin/sh", "-c", setup, str(path)]
    with log.open("wb") as out:
        process = processes.start(
            [*command, *interpreter, str(script), *map(str, arguments)], env=env, stdout=out, stderr=out
        )
    try:
        yield Mounter(process, log)
    finally:
        processes.stop(process)

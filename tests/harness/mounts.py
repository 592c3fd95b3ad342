"""Mounts that are gone when their block ends, whatever happened in it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import processes

MS_BIND = 4096
MS_REC = 1 << 14
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class MountLine:
    mount_id: int
    device: tuple[int, int]
    point: Path
    fstype: str


def mount_lines() -> list[MountLine]:
    """The mounts of this process in the order they were made."""
    lines = []
    for line in Path("/proc/self/mountinfo").read_bytes().removesuffix(b"\n").split(b"\n"):
        before, after = line.split(b" - ", 1)
        mount_id, _, device, _, point = before.split(b" ")[:5]
        major, minor = device.split(b":")
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), point)
        fstype = os.fsdecode(after.split(b" ")[0])
        lines.append(MountLine(int(mount_id), (int(major), int(minor)), Path(os.fsdecode(point)), fstype))
    return lines


def topmost(point: Path) -> MountLine | None:
    """The mount one sees at `point`. The path is not looked at: the daemon behind it may hang."""
    return next((line for line in reversed(mount_lines()) if line.point == point), None)


def mount(source: str, target: Path, fstype: str | None, flags: int = 0, data: str | None = None) -> None:
    arguments = [None if text is None else os.fsencode(text) for text in (source, str(target), fstype)]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), None if data is None else os.fsencode(data)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mounting {fstype or source} on {target}: {os.strerror(error)}")


def detach(point: Path) -> None:
    """Unmount lazily, every mount stacked there."""
    while _libc.umount2(os.fsencode(point), MNT_DETACH) == 0:
        pass


def detach_top(point: Path) -> None:
    if _libc.umount2(os.fsencode(point), MNT_DETACH) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"unmounting {point}: {os.strerror(error)}")


def detach_below(folder: Path) -> None:
    for line in reversed(mount_lines()):
        if folder in line.point.parents:
            detach(line.point)


def abort(device: tuple[int, int]) -> None:
    """Fail every request that waits for a FUSE daemon. Tasks in D state survive everything else."""
    with contextlib.suppress(OSError):
        Path(f"/sys/fs/fuse/connections/{device[1]}/abort").write_text("1")


@contextlib.contextmanager
def temporary_folder(prefix: str = "nlinkshim-test-") -> Iterator[Path]:
    """A folder on the disk (not tmpfs where /tmp is not), removed without entering what is mounted in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("NLINKSHIM_TEST_DIR")))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        detach_below(folder)
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False, timeout=20)


@contextlib.contextmanager
def mounted(
    source: str, target: Path, fstype: str | None, flags: int = 0, data: str | None = None
) -> Iterator[Path]:
    """An ordinary mount (bind, tmpfs, overlay ...) on an existing folder or file."""
    mount(source, target, fstype, flags, data)
    try:
        yield target
    finally:
        detach_top(target)


@contextlib.contextmanager
def bound(source: Path, target: Path) -> Iterator[Path]:
    """A bind that does not show what is mounted on the other later, as one of a shared mount does; and `/` is
    shared on every systemd machine."""
    with mounted(str(source), target, None, MS_BIND):
        mount("none", target, None, MS_PRIVATE)
        yield target


def share(point: Path) -> None:
    """Make what is mounted below it later appear in the mount namespaces that were made from this one."""
    mount("none", point, None, MS_SHARED | MS_REC)


class FuseMount:
    """A FUSE file system served by a process of ours."""

    def __init__(self, path: Path, process: subprocess.Popen[Any], line: MountLine) -> None:
        self.path = path
        self.process = process
        self.device = line.device
        self.fstype = line.fstype

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def freeze(self) -> None:
        """The daemon stops answering, as one that hangs does."""
        os.kill(self.process.pid, signal.SIGSTOP)
        processes.wait_until(lambda: self._state() == "T", 5, "stopping the FUSE daemon")

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)

    def unmount(self) -> None:
        """Unmount and wait until the daemon is gone, so that the kernel may reuse the device number."""
        if topmost(self.path) is not None:
            detach_top(self.path)
        processes.stop(self.process)

    def _state(self) -> str:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def served(path: Path, command: list[str], timeout: float = 15.0, says: bytes = b"") -> Iterator[FuseMount]:
    """Start `command`, which must mount a FUSE file system on `path` (made a folder unless it is a file), and
    end it with its mount. `says`: what it prints once it needs its mount no longer to be on top."""
    if not path.is_file():
        path.mkdir(parents=True, exist_ok=True)
    before = topmost(path)
    with tempfile.TemporaryFile("w+") as log:
        process = processes.start(command, stdout=log, stderr=log)

        def ready() -> MountLine | None:
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"{command} ended with {process.returncode}: {log.read()[-2000:]}")
            line = topmost(path)
            # (a seek would move where the daemon writes)
            return line if line != before and says in os.pread(log.fileno(), 4096, 0) else None

        line = None
        try:
            line = processes.wait_until(ready, timeout, f"mounting on {path}")
            yield FuseMount(path, process, line)
        finally:
            here = topmost(path)
            if line is not None and here is not None and here.mount_id == line.mount_id:
                detach_top(path)
            if process.poll() is None and line is not None:
                with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
                    process.wait(1)
                if process.poll() is None:
                    abort(line.device)
            processes.stop(process, patience=0.5)

"""Put a copy of the shim where an image wants it, if it could work there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nlinkshim import arguments
from nlinkshim.elf.machines import MACHINES, named
from nlinkshim.engines.audit.audit import audit
from nlinkshim.engines.audit.result import ProgramAudit
from nlinkshim.errors import IncompleteError, NotLoadedError, RefusedError, UsageError
from nlinkshim.rootfs import RootFs
from nlinkshim.shim.coverage import read_shim
from nlinkshim.shim.handshake import prove_loading
from nlinkshim.shim.preload import check_nameable, shim_path

MODE = 0o755


@dataclass(frozen=True)
class Installation:
    """What was installed, or would be: the copy's path inside the root, and the audit of its program."""

    path: Path
    audit: ProgramAudit | None

    @property
    def preload(self) -> str:
        """The line that makes the loader inject it."""
        return f"LD_PRELOAD={self.path}"


def install(
    destination: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] = "/",
    program: str | os.PathLike[str] | None = None,
    machine: str | None = None,
    dry_run: bool = False,
) -> Installation:
    """Copy the installed shim to `destination`, atomically and with mode 0755, and make sure of the copy.

    `destination` is a file, or an existing folder to put libnlinkshim.so into; as seen inside `root`, the
    root file system of an image. `program`, a path in there, is audited first. `machine` is the one that the
    image is for (default: not checked, unless there is a program). `dry_run` checks all that can be without
    writing, and writes nothing.

    Raises:
        UsageError: the destination is not absolute or none that LD_PRELOAD can name, its folder, `root` or
            `program` does not exist, `machine` is unknown, or an argument is of another type.
        RefusedError: the shim could not work there; nothing was written.
        IncompleteError: it cannot be written; then nothing is left behind.
        NotLoadedError: there is no shim, or the loader of this machine does not take the copy; then nothing
            is left behind.

    Example:
        >>> done = nlinkshim.install("/usr/local/lib/nlinkshim.so", program="/usr/sbin/smbd")
        >>> done.preload
        'LD_PRELOAD=/usr/local/lib/nlinkshim.so'
    """
    arguments.flag("dry_run", dry_run)
    wanted = arguments.path("destination", destination)
    inside = RootFs(arguments.path("root", root))
    shim = shim_path()
    if not wanted.is_absolute():
        raise UsageError(f"{wanted}: give an absolute path, LD_PRELOAD needs one")
    installed, outside = _place(inside, wanted, shim.name)
    if machine is not None:
        _require_machine(arguments.text("machine", machine), shim)
    audited = None if program is None else audit(program, root=root, shim=shim)
    if audited is not None:
        audited.require_reachable()
    try:
        if dry_run:
            _require_writable(outside.parent)
            _require_executable(outside.parent, inside)
        else:
            _copy(shim, outside, inside)
    except OSError as error:
        raise IncompleteError(f"{outside}: {error.strerror}; nothing was installed") from error
    return Installation(installed, audited)


def _place(root: RootFs, destination: Path, name: str) -> tuple[Path, Path]:
    """The file to write, as seen inside the root and from here."""
    where = "" if root.is_this_machine else f" in {root}"
    try:
        outside = _outside(root, destination)
        if outside.is_dir():
            destination, outside = destination / name, _outside(root, destination / name)
    except OSError as error:
        raise UsageError(f"{destination}{where}: {error.strerror}") from error
    if not outside.parent.is_dir():
        raise UsageError(f"{destination.parent} does not exist{where}")
    check_nameable(str(destination))
    return destination, outside


def _outside(root: RootFs, inside: Path) -> Path:
    return Path(root.top.rstrip("/") + root.real(str(inside)))


def _require_machine(wanted: str, shim: Path) -> None:
    machine = named(wanted)
    have = ", ".join(machine.name for machine in MACHINES if machine.has_shim)
    if machine is None:
        raise UsageError(f"--machine {wanted}: there is no such machine; there are shims for {have}")
    if not machine.has_shim:
        raise RefusedError(f"there is no shim for {machine.name}, only for {have}")
    ours = read_shim(shim).machine
    if machine != ours:
        raise RefusedError(
            f"the shim at hand is for {ours.name}; for {machine.name} take nlinkshim/libnlinkshim.so out of"
            f" the wheel {machine.wheel}"
        )


def _require_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise IncompleteError(f"{folder} cannot be written to")


def _require_executable(folder: Path, root: RootFs) -> None:
    """What this mount allows matters only if the shim is to be loaded from it: not for an image's tree."""
    if root.is_this_machine and os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise RefusedError(
            f"{folder} is on a mount with the option noexec, from which no loader takes a library; choose"
            f" another folder, or: mount -o remount,exec on it"
        )


def _copy(source: Path, target: Path, root: RootFs) -> None:
    """Under another name first: whoever looks at `target` sees the whole shim or what was there before."""
    content = source.read_bytes()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            _require_executable(target.parent, root)
            file.write(content)
            file.flush()
            os.fchmod(descriptor, MODE)
            os.fsync(descriptor)
        if _digest(temporary.read_bytes()) != _digest(content):
            raise IncompleteError(f"{target}: what was written reads back otherwise; nothing was installed")
        if root.is_this_machine:
            _prove(temporary, target)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync(target.parent)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _prove(temporary: Path, target: Path) -> None:
    try:
        prove_loading(temporary)
    except NotLoadedError as error:
        raise NotLoadedError(f"{target} could not be used, so nothing was installed: {error}") from error


def _sync(folder: Path) -> None:
    """Make the new name outlive a crash, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

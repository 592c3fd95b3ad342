"""One live process, looked at: which shim is in it, and does it work there? Runs in a child process, which is
given up if a process does not let itself be read."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nlinkshim.elf.image import Image, MalformedError
from nlinkshim.elf.memory import DELETED, Memory, Region, extent, parse_maps, read_small
from nlinkshim.engines.status.result import ENDED, Process
from nlinkshim.shim.state import (
    SYMBOL,
    ShimState,
    StateError,
    counters_size,
    parse_state,
    state_size,
    with_counters,
)

KERNEL_THREAD = 0x00200000  # PF_KTHREAD
ATTEMPTS = 3  # at a process that starts another program meanwhile
ANONYMOUS_SHARED = "/dev/zero" + DELETED
LARGEST_SHIM = 1 << 22  # bytes of a file that can be one


@dataclass(frozen=True)
class Installed:
    """The shim of this installation, to compare with. None: not known."""

    version: str
    machine: int | None = None
    build_id: str | None = None


def survey(argument: dict[str, Any]) -> Iterator[dict[str, Any] | None]:
    """The task of the child: a result for each of `pids`, None where there is no such process, or it does not
    go by `name`."""
    installed = Installed(**argument["installed"])
    for pid in argument["pids"]:
        found = look(pid, argument["name"], installed)
        yield None if found is None else asdict(found)


def look(pid: int, name: str | None, installed: Installed) -> Process | None:
    """Look at one process. None: there is none, or none of that name (a zombie has no memory and matches no
    name)."""
    try:
        folder = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        state, ppid, _, command = _identity(folder)
        if name is not None and (state in "ZX" or name not in _names(folder, command)):
            return None
        process = Process(pid, ppid, command, mapped=None)
        if state in "ZX":
            return replace(process, mapped=False, problem="it has ended (a zombie)")
        return _inside(process, folder, installed)
    except OSError:
        return None  # gone before it could be told what it is
    finally:
        os.close(folder)


def given_up(pid: int, name: str | None, problem: str) -> list[Process]:
    """What can still be said of a process that does not let itself be read: nothing here touches its memory.
    Empty if it is gone, or not of that name."""
    try:
        folder = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        _, ppid, _, command = _identity(folder)
        if name is not None and name not in _names(folder, command, memory=False):
            return []
        return [Process(pid, ppid, command, mapped=None, problem=problem)]
    except OSError:
        return []
    finally:
        os.close(folder)


def _identity(folder: int) -> tuple[str, int, int, str]:
    """State, parent, flags and name (proc_pid_stat(5)); the name may hold anything, brackets too."""
    head, _, rest = read_small("stat", folder, 4096).rpartition(b")")
    fields = rest.split()
    if len(fields) < 7:
        raise ProcessLookupError(errno.ESRCH, "no such process")
    return fields[0].decode(), int(fields[1]), int(fields[6]), os.fsdecode(head.partition(b"(")[2])


def _names(folder: int, command: str, *, memory: bool = True) -> set[str]:
    """All the names it goes by: smbd's children call themselves smbd-notifyd or cleanupd, and are the same
    program. argv lies in the process's memory."""
    names = {command}
    with contextlib.suppress(OSError):
        names.add(_last(os.readlink("exe", dir_fd=folder).removesuffix(DELETED)))
    if memory:
        with contextlib.suppress(OSError):
            names.add(_last(os.fsdecode(read_small("cmdline", folder, 4096).partition(b"\0")[0])))
    return names


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _inside(process: Process, folder: int, installed: Installed) -> Process:
    for _ in range(ATTEMPTS):
        try:
            memory = Memory(folder)
        except PermissionError:
            return replace(process, problem="this user may not look into it; run as root")
        except OSError:
            return _without_memory(process, folder)
        try:
            regions = parse_maps(read_small("maps", folder))
            if not regions:
                return _without_memory(process, folder)
            seen = _describe(process, folder, memory, regions, installed)
            # What was not found may have been there: a process that ends, or starts another program, gives
            # its memory back at once.
            if seen.effective or memory.answers(regions):
                return seen
        except OSError as error:
            return replace(process, problem=f"it cannot be read ({error.strerror})")
        finally:
            memory.close()
    return replace(process, problem="it starts one program after the other")


def _without_memory(process: Process, folder: int) -> Process:
    """A task of the kernel, or a process that has given its memory back and is about to end."""
    try:
        flags = _identity(folder)[2]
    except OSError:
        flags = 0
    if flags & KERNEL_THREAD:
        return replace(process, mapped=False, problem="it has no memory (a task of the kernel)")
    return replace(process, problem=ENDED)


@dataclass(frozen=True)
class _Found:
    """A shim in memory; without `image` and `state` where only the file's name says so."""

    region: Region
    image: Image | None = None
    state: ShimState | None = None
    family: int | None = None  # inode of the page where its counters stand; None: in the shim itself
    problem: str | None = None

    @property
    def path(self) -> str:
        return self.region.path.removesuffix(DELETED)


def _shims(memory: Memory, regions: Sequence[Region]) -> list[_Found]:
    """Every image that exports nlinkshim_state, or is named like the shim."""
    found = []
    for number, region in enumerate(regions):
        if region.offset or not region.file[1] or region.path.startswith("/dev/"):
            continue
        named = _last(region.path).startswith("libnlinkshim")
        try:
            image = Image(memory.read, region.start, extent(regions, number))
            place = image.find(SYMBOL)
        except MalformedError as error:
            if named:
                found.append(_Found(region, problem=f"the mapped shim is damaged: {error}"))
            continue
        if place is not None:
            found.append(_state(memory, regions, region, image, *place))
        elif named:
            found.append(_Found(region, image, problem="the mapped file shows no nlinkshim_state"))
    return found


def _state(
    memory: Memory, regions: Sequence[Region], region: Region, image: Image, address: int, size: int
) -> _Found:
    form = image.form
    try:
        data = image.read(address, min(size, state_size(form.word)))
        state = parse_state(data, form.word, form.order)
        if not state.shared:
            return _Found(region, image, state)
        page = _shared_page(regions, state.shared, counters_size(form.word))
        counters = memory.read(state.shared, counters_size(form.word))
        return _Found(region, image, with_counters(state, counters, form.word, form.order), page)
    except MalformedError as error:
        return _Found(region, image, problem=f"its nlinkshim_state cannot be read: {error}")
    except StateError as error:
        return _Found(region, image, problem=f"its nlinkshim_state {error}")


def _shared_page(regions: Sequence[Region], address: int, size: int) -> int:
    """The inode of the anonymous shared memory that holds an address (proc_pid_maps(5) names it so)."""
    for region in regions:
        if region.start <= address and address + size <= region.end and region.path == ANONYMOUS_SHARED:
            return region.file[1]
    raise MalformedError("its counters are not where it says")


def _describe(
    process: Process, folder: int, memory: Memory, regions: Sequence[Region], installed: Installed
) -> Process:
    found = _shims(memory, regions)
    if not found:
        return replace(process, mapped=False, problem=_why_not(folder))
    shim = next((one for one in found if one.state is not None), found[0])
    process = replace(process, mapped=True, shim_path=shim.path)
    if shim.state is None or shim.image is None:
        return replace(process, problem=shim.problem)
    state = shim.state
    idle = _why_idle(memory, regions, shim.image, state)
    alone = None if state.shared else "it counts for itself alone: the kernel gave the shim no page to share"
    return replace(
        process,
        effective=idle is None,
        shim_version=state.version,
        scope=state.scope,
        corrected=state.corrected,
        left_alone=state.left_alone,
        family=shim.family,
        problem=idle or _difference(folder, shim.region, shim.image, state, installed) or alone,
    )


def _why_idle(memory: Memory, regions: Sequence[Region], image: Image, state: ShimState) -> str | None:
    """Why a shim that is there corrects nothing, or None."""
    if not state.configured:
        return "the shim is mapped, but has not been initialised"
    if state.off:
        return "NLINKSHIM_SCOPE=off: the shim is loaded and inert"
    try:
        order = memory.link_map(image.form, regions)
    except MalformedError as error:
        return f"whether it stands in front of libc cannot be seen: {error}"
    if image.dynamic not in order:
        return "the file is mapped, but not loaded as a library"
    libc = next((place for place, dynamic in enumerate(order) if _is_libc(regions, dynamic)), None)
    if libc is not None and libc < order.index(image.dynamic):
        return "it was loaded behind libc (by dlopen, not LD_PRELOAD) and sees no calls"
    return None


def _is_libc(regions: Sequence[Region], address: int) -> bool:
    name = next((_last(r.path) for r in regions if r.start <= address < r.end), "")
    return name.startswith(("libc.so", "libc-", "ld-musl"))


def _difference(
    folder: int, region: Region, image: Image, state: ShimState, installed: Installed
) -> str | None:
    """How the mapped shim differs from the file that stands there now, or from the one of this
    installation."""
    try:
        mapped = image.build_id()
    except MalformedError:
        return None
    if region.path.endswith(DELETED):
        return _what_stands_there(folder, region.path.removesuffix(DELETED), mapped)
    if state.version != installed.version:
        return f"version {state.version}, and {installed.version} is installed; install one and restart"
    if image.machine == installed.machine and installed.build_id and mapped != installed.build_id:
        return f"another build of {state.version} than the installed one; install one build and restart"
    return None


def _what_stands_there(folder: int, path: str, mapped: str | None) -> str | None:
    """What became of a file that was deleted or replaced, as the process sees it (in its container's
    root)."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        descriptor = os.open(f"root/{path}", flags, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return "its file was deleted since; install the shim again and restart the process"
    except OSError:
        return "its file was deleted or replaced since; restart the process"
    with open(descriptor, "rb") as file:
        same = False
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            with contextlib.suppress(OSError):
                same = file_identity(file.read(LARGEST_SHIM))[1] == mapped is not None
    # The same build in a new file: installed again, nothing to gain by a restart.
    return None if same else "its file was replaced by another build since; restart the process to use that"


def file_identity(content: bytes) -> tuple[int | None, str | None]:
    """ELF machine and build id of a file's content; None where it has none."""
    try:
        image = Image(lambda address, size: content[address : address + size], 0, len(content))
        return image.machine, image.build_id(in_file=True)
    except MalformedError:
        return None, None


def _why_not(folder: int) -> str:
    """Why the shim is not there, as far as the environment tells (which is as it was at the start)."""
    preload = b""
    with contextlib.suppress(OSError):
        for entry in read_small("environ", folder, 1 << 20).split(b"\0"):
            if entry.startswith(b"LD_PRELOAD="):
                preload = entry
    if b"nlinkshim" in preload:
        return (
            "the shim is not loaded, although LD_PRELOAD names it: the loader refused it, or the program is"
            " static or"
            " privileged; see nlinkshim audit"
        )
    return "the shim is not loaded; restart it with the lines of nlinkshim env"


def installed_shim(path: Path, version: str) -> Installed:
    """The shim at `path`, to compare with."""
    try:
        return Installed(version, *file_identity(path.read_bytes()))
    except OSError:
        return Installed(version)

"""The load handshake: proof, by a child process, that this loader injects the shim and that the shim answers.

A loader does not tell when it leaves a preload out: glibc's writes a line to stderr and goes on, musl's says
nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nlinkshim._version import __version__
from nlinkshim.child import Child, DiedError, HungError
from nlinkshim.errors import NotLoadedError
from nlinkshim.shim.preload import check_machine, preload_environment, shim_path

TIMEOUT_SECONDS = 10.0


class Loaded(NamedTuple):
    """The shim as it was found in the child: which file, how it is set up, what the loader complained of."""

    path: str
    version: str
    scope: str
    complaint: str


class HiddenError(NotLoadedError):
    """It is loaded, but what stands in front of it in LD_PRELOAD keeps calls from it."""


def prove_loading(
    shim: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    scope: str | None = None,
    first: bool = False,
    timeout: float = TIMEOUT_SECONDS,
) -> Loaded:
    """Start a process under `shim` (default: the installed one) and let it tell what the loader gave it.
    Takes some 30 ms.

    `environment` is the one that the shim is to be added to (default: this process's); its other preloads
    take part, behind the shim if that is to be `first`.

    Raises:
        HiddenError: another preload keeps calls from it.
        UsageError: `scope` is none, or the shim's path has a character that LD_PRELOAD cannot hold.
        NotLoadedError: the loader left it out (with its reason), or it is for another machine or of another
        version.
    """
    shim = shim or shim_path()
    check_machine(shim)
    child = Child(
        "nlinkshim.shim.handshake:confess",
        None,
        timeout,
        preload_environment(environment, scope=scope, shim=shim, first=first),
    )
    try:
        (told,) = child
    except (HungError, DiedError) as error:
        raise NotLoadedError(f"a process under {shim} did not come to its end: {error}") from error
    require_version(told["version"], shim, child.complaint, told["path"])
    if hidden := told["hidden"]:
        by = ", ".join(sorted({path for path in hidden.values() if path}))
        raise HiddenError(
            f"{told['path']} was loaded, but calls do not reach it ({', '.join(hidden)}):"
            f" {by or 'something'} in front of it in LD_PRELOAD keeps them"
        )
    return Loaded(told["path"], told["version"], told["scope"], child.complaint)


def require_version(version: str, shim: Path, complaint: str, path: str | None = None) -> None:
    """Judge what a process under `shim` told: the version it found ('' if it found no shim), from the file
    `path`, and what its loader wrote to stderr.

    Raises:
        NotLoadedError: it is not this version.
    """
    if version == __version__:
        return
    if version:
        other = path is not None and path != str(shim)
        raise NotLoadedError(
            f"{path or shim} is of version {version}, this is nlinkshim {__version__}; "
            + ("take it out of LD_PRELOAD, or install one version" if other else "install one version")
        )
    reason = loader_complaint(complaint)
    raise NotLoadedError(
        f"the loader did not load {shim} into a process of {sys.executable}"
        + (f" ({reason})" if reason else "")
    )


def ignored_preloads(complaint: str) -> list[tuple[str, str]]:
    """What glibc's loader says that it leaves out of LD_PRELOAD, and why. musl's says nothing."""
    return re.findall(
        r"^ERROR: ld\.so: object '(.*?)' from LD_PRELOAD cannot be preloaded \((.*?)\)", complaint, re.M
    )


def loader_complaint(text: str) -> str:
    """What ld.so said is wrong, else the last line of `text`, which is all that was written to stderr."""
    for line in reversed(text.splitlines()):
        if "ld.so: object" in line:
            reason = re.search(r"cannot be preloaded \((.*)\)", line)
            return reason[1] if reason else line.removeprefix("ERROR: ")
    return text.splitlines()[-1] if text else ""


def confess(_: None) -> Iterator[dict[str, Any]]:
    """The task of the child: find nlinkshim_state, and see whether counts of 0 pass through the shim.

    The 0 of what was unlinked is true and stays, but the shim counts it as left alone: so it was asked.
    """
    import ctypes

    from nlinkshim.shim import state as states

    word = ctypes.sizeof(ctypes.c_void_p)
    libc = ctypes.CDLL(None)
    try:
        address = ctypes.addressof(ctypes.c_char.in_dll(libc, states.SYMBOL.decode()))
    except ValueError:
        yield {"version": "", "path": None, "scope": "", "hidden": {}}
        return

    def state() -> states.ShimState:
        order = "<" if sys.byteorder == "little" else ">"
        found = states.parse_state(ctypes.string_at(address, states.state_size(word)), word, order)
        if not found.shared:
            return found
        counters = ctypes.string_at(found.shared, states.counters_size(word))
        return states.with_counters(found, counters, word, order)

    hidden = {}
    try:
        for name, arguments in _calls_on_unlinked(ctypes.create_string_buffer(512)).items():
            function = getattr(libc, name)
            before = state().left_alone
            if function(*arguments) == 0 and state().left_alone == before:
                hidden[name] = _file_of(ctypes.cast(function, ctypes.c_void_p).value or 0)
        told = state()
    except states.StateError:
        yield {"version": "unknown", "path": _file_of(address), "scope": "", "hidden": {}}
        return
    yield {"version": told.version, "path": _file_of(address), "scope": told.scope, "hidden": hidden}


def _calls_on_unlinked(answer: Any) -> dict[str, tuple[Any, ...]]:
    """Entry points as a program calls them, each with arguments that get a true count of 0 into `answer`."""
    import os

    from nlinkshim.nameless import nameless_file

    here, every_field = -100, 0xFFF  # AT_FDCWD, STATX_ALL
    unlinked = nameless_file("nlinkshim-handshake")
    path = b"/proc/self/fd/%d" % unlinked
    calls: dict[str, tuple[Any, ...]] = {
        "fstat": (unlinked, answer),
        "stat": (path, answer),
        "fstatat": (here, path, answer, 0),
        "statx": (here, path, 0, every_field, answer),
    }
    # lstat does not follow the link to a file
    folder = f"/dev/shm/nlinkshim-{os.urandom(8).hex()}"  # noqa: S108  the name is gone at once
    try:
        os.mkdir(folder, 0o700)  # noqa: PTH102
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        os.rmdir(folder)  # noqa: PTH106
    except OSError:
        return calls
    return {**calls, "lstat": (b"/proc/self/fd/%d/." % descriptor, answer)}


def _file_of(address: int) -> str | None:
    """The mapped file that holds an address of this process. None: /proc does not tell."""
    from nlinkshim.elf.memory import parse_maps

    try:
        regions = parse_maps(Path("/proc/self/maps").read_bytes())
    except OSError:
        return None
    return next(
        (region.path for region in regions if region.start <= address < region.end and region.path), None
    )

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
    """The shim as it was found in the child: which file, and how it is set up."""

    path: str
    version: str
    scope: str


def prove_loading(
    shim: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    scope: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Loaded:
    """Start a process under `shim` (default: the installed one) and let it tell what the loader gave it.
    Takes some 30 ms.

    `environment` is the one that the shim is to be added to (default: this process's); its other preloads
    take part.

    Raises:
        UsageError: `scope` is none, or the shim's path has a character that LD_PRELOAD cannot hold.
        NotLoadedError: the loader left it out (with its reason), it is for another machine or of another
        version, or calls do not reach it.
    """
    shim = shim or shim_path()
    check_machine(shim)
    child = Child(
        "nlinkshim.shim.handshake:confess",
        None,
        timeout,
        preload_environment(environment, scope=scope, shim=shim),
    )
    try:
        (told,) = child
    except (HungError, DiedError) as error:
        raise NotLoadedError(f"a process under {shim} did not come to its end: {error}") from error
    require_version(told["version"], shim, child.complaint, told["path"])
    if not told["answers"]:
        raise NotLoadedError(
            f"{told['path']} was loaded, but calls do not reach it: something in front of it in LD_PRELOAD"
            " keeps them"
        )
    return Loaded(told["path"], told["version"], told["scope"])


def require_version(version: str, shim: Path, complaint: str, path: str | None = None) -> None:
    """Judge what a process under `shim` told: the version it found ('' if it found no shim), from the file
    `path`, and what its loader wrote to stderr.

    Raises:
        NotLoadedError: it is not this version.
    """
    if version == __version__:
        return
    if version:
        raise NotLoadedError(
            f"{path or shim} is of version {version}, this is nlinkshim {__version__}; install one version"
        )
    reason = loader_complaint(complaint)
    raise NotLoadedError(
        f"the loader did not load {shim} into a process of {sys.executable}"
        + (f" ({reason})" if reason else "")
    )


def loader_complaint(text: str) -> str:
    """What ld.so said is wrong, else the last line of `text`, which is all that was written to stderr."""
    for line in reversed(text.splitlines()):
        if "ld.so: object" in line:
            reason = re.search(r"cannot be preloaded \((.*)\)", line)
            return reason[1] if reason else line.removeprefix("ERROR: ")
    return text.splitlines()[-1] if text else ""


def confess(_: None) -> Iterator[dict[str, Any]]:
    """The task of the child: find nlinkshim_state, and see whether a count of 0 passes through the shim.

    An unlinked file's 0 is true and stays, but the shim counts it as left alone: so it was asked.
    """
    import ctypes
    import os

    from nlinkshim.nameless import nameless_file
    from nlinkshim.shim import state as states

    word = ctypes.sizeof(ctypes.c_void_p)
    try:
        address = ctypes.addressof(ctypes.c_char.in_dll(ctypes.CDLL(None), states.SYMBOL.decode()))
    except ValueError:
        yield {"version": "", "path": None, "scope": "", "answers": False}
        return

    def state() -> states.ShimState:
        order = "<" if sys.byteorder == "little" else ">"
        found = states.parse_state(ctypes.string_at(address, states.state_size(word)), word, order)
        if not found.shared:
            return found
        counters = ctypes.string_at(found.shared, states.counters_size(word))
        return states.with_counters(found, counters, word, order)

    try:
        before = state()
        unlinked = nameless_file("nlinkshim-handshake")
        os.fstat(unlinked)
        after = state()
    except states.StateError:
        yield {"version": "unknown", "path": _file_of(address), "scope": "", "answers": False}
        return
    yield {
        "version": after.version,
        "path": _file_of(address),
        "scope": after.scope,
        "answers": after.left_alone != before.left_alone,
    }


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

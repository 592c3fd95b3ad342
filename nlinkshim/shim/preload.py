"""Where the shim is, and how it gets into a process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from unicodedata import category

from nlinkshim import arguments
from nlinkshim.errors import NotLoadedError, UsageError

SCOPE = "NLINKSHIM_SCOPE"
DIRECTORY_NLINK = "NLINKSHIM_DIR_NLINK"


def shim_path() -> Path:
    """The installed shim.

    Raises:
        NotLoadedError: the package was installed without it.

    Example:
        >>> nlinkshim.shim_path().name
        'libnlinkshim.so'
    """
    path = Path(__file__).parents[1] / "libnlinkshim.so"
    if not path.is_file():
        raise NotLoadedError(f"{path} is missing; reinstall nlinkshim from a wheel for this machine")
    return path


def checked_scope(scope: str | os.PathLike[str]) -> str:
    """The text of `scope` if NLINKSHIM_SCOPE may have it: fuse, off, or absolute paths joined by ':'.

    Raises:
        UsageError: it is anything else. (The shim itself would fall back to fuse.)
    """
    scope = arguments.path_text("scope", scope)
    if scope in ("fuse", "off"):
        return scope
    paths = scope.split(":")
    if not all(path.startswith("/") for path in paths):
        raise UsageError(
            f"scope {arguments.shown(scope)} is neither 'fuse' nor 'off' nor absolute paths joined by ':'"
        )
    if len(paths) > 16:
        raise UsageError(f"scope names {len(paths)} paths; 16 are the most")
    if len(os.fsencode(scope)) > 4095:
        raise UsageError("scope is too long; 4095 bytes are the most")
    return scope


def directory_nlink(environment: Mapping[str, str]) -> int:
    """What the shim makes of a directory's 0 in this environment: 2, or 1 if NLINKSHIM_DIR_NLINK says so."""
    return 1 if environment.get(DIRECTORY_NLINK) == "1" else 2


def _elf_kind(path: Path) -> tuple[int, int, Literal["little", "big"]]:
    """Machine number, bits and byte order of an ELF file (elf(5)).

    Raises:
        NotLoadedError: it is none, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError as error:
        raise NotLoadedError(f"{path}: {error.strerror}") from error
    if len(header) < 20 or header[:4] != b"\x7fELF":
        raise NotLoadedError(f"{path} is no ELF file, so it cannot be the shim")
    order: Literal["little", "big"] = "big" if header[5] == 2 else "little"
    return int.from_bytes(header[18:20], order), header[4] * 32, order


def check_machine(shim: Path) -> None:
    """Make sure that `shim` is for the machine of this process. (The loader's own word for it is misleading.)

    Raises:
        NotLoadedError: it is for another one, or no ELF file.
    """
    theirs, ours = _elf_kind(shim), _elf_kind(Path("/proc/self/exe"))
    if theirs != ours:
        from nlinkshim.elf.machines import machine_of

        names = [machine_of(*kind).name for kind in (theirs, ours)]
        raise NotLoadedError(
            f"{shim} is for {names[0]}, this process is {names[1]}; use the wheel for this machine"
        )


def check_nameable(path: str) -> None:
    """Make sure that LD_PRELOAD can hold this path: white space and ':' would end it, glibc takes '$' for a
    token, and who prints the line would send control characters to a terminal.

    Raises:
        UsageError: it cannot.
    """
    if any(character.isspace() or character in ":$" or category(character) == "Cc" for character in path):
        raise UsageError(
            f"LD_PRELOAD cannot name {path!r}: a space, ':', '$' or control character in it; install a copy"
            " elsewhere"
        )


def preload_environment(
    environment: Mapping[str, str] | None = None,
    *,
    scope: str | os.PathLike[str] | None = None,
    shim: str | os.PathLike[str] | None = None,
    first: bool = False,
) -> dict[str, str]:
    """A copy of `environment` (default: this process's) in which the loader injects the shim.

    What stands in LD_PRELOAD already is kept, and the shim comes behind it: both chain to what is next. What
    does not chain is to stand behind the shim, which is then `first`.

    Raises:
        UsageError: `scope` is none, the shim's path has a character that LD_PRELOAD cannot hold, or an
            argument is of another type.
        NotLoadedError: there is no shim.

    Example:
        >>> command = ["stat", "--format=%h", "/mnt/dfs"]
        >>> [subprocess.check_output(command, env=env) for env in (None, nlinkshim.preload_environment())]
        [b'0\\n', b'2\\n']
    """
    if environment is not None and not isinstance(environment, Mapping):
        raise UsageError(
            f"environment: {arguments.shown(environment)} is none; give a mapping, such as os.environ"
        )
    result = dict(os.environ if environment is None else environment)
    path = str(shim_path() if shim is None else arguments.path("shim", shim))
    check_nameable(path)
    present = [entry for entry in result.get("LD_PRELOAD", "").replace(":", " ").split() if entry != path]
    result["LD_PRELOAD"] = " ".join([path, *present] if first else [*present, path])
    if scope is not None:
        result[SCOPE] = checked_scope(scope)
    return result

"""What the shim covers, and what there is to cover: stat entry points, as the files themselves name them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nlinkshim.elf.file import DamagedError, NotElfError, read_elf
from nlinkshim.elf.machines import Machine
from nlinkshim.engines.audit.loader import Loaded
from nlinkshim.errors import NotLoadedError
from nlinkshim.rootfs import RootFs
from nlinkshim.shim.state import SYMBOL

# Whatever tells a link count, as any libc names it: stat, __fxstatat64, __lstat64_time64, fts64_read, ...
_ENTRY_POINT = re.compile(
    r"_*(?:[fl]?x?stat|f?x?statat|statx|n?ftw|fts_(?:read|children))(?:64)?(?:_time64)?"
    r"|_*fts64_(?:read|children)(?:_time64)?"
)


@dataclass(frozen=True)
class Shim:
    """A shim file: its machine, and the entry points that it exports."""

    path: Path
    machine: Machine
    covers: frozenset[str]


def read_shim(path: Path) -> Shim:
    """
    Raises:
        NotLoadedError: the file is no shim of ours, or cannot be read.
    """
    try:
        with RootFs().open_file(str(path.absolute())) as file:
            elf = read_elf(file, exports=True)
    except OSError as error:
        raise NotLoadedError(f"{path}: {error.strerror}") from error
    except (NotElfError, DamagedError) as error:
        raise NotLoadedError(f"{path} is no ELF file, or damaged, so it cannot be the shim") from error
    state = SYMBOL.decode()
    if state not in elf.exports:
        raise NotLoadedError(f"{path} exports no {state}, so it is not the shim")
    return Shim(path, elf.machine, elf.exports - {state})


def stat_imports(objects: Iterable[Loaded]) -> dict[str, list[str]]:
    """Entry point -> the objects that import it; both sorted."""
    found: dict[str, list[str]] = {}
    for loaded in objects:
        for name in filter(_ENTRY_POINT.fullmatch, loaded.elf.imports):
            found.setdefault(name, []).append(loaded.path)
    return {name: sorted(found[name]) for name in sorted(found)}

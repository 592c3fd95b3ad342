"""What a shim file covers: the stat entry points that it exports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nlinkshim.elf.file import DamagedError, NotElfError, read_elf
from nlinkshim.elf.machines import Machine
from nlinkshim.errors import NotLoadedError
from nlinkshim.rootfs import RootFs
from nlinkshim.shim.state import SYMBOL


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

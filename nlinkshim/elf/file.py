"""One ELF file, as far as its loader would read it. Nothing in it is trusted: every table is bounded before
it is read, and whatever goes wrong comes out as DamagedError.

pyelftools knows the layouts of headers; the tables behind them are long and read in bulk."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO, Literal

from elftools.elf.enums import ENUM_D_TAG as DT
from elftools.elf.structs import ELFStructs

from nlinkshim.elf.machines import Machine, machine_of

# Well above what is seen (bytes, or entries); above them a file counts as damaged.
_MAX_HEADERS = 1 << 16  # the kernel's own limit for all program headers
_MAX_DYNAMIC = 1 << 16
_MAX_STRINGS = 1 << 25
_MAX_SYMBOLS = 1 << 20
_MAX_BUCKETS = 1 << 20
_MAX_NEEDED = 1024
_MAX_NAME = 1 << 15
_MAX_PATH = 4096

_TABLES = ("DT_STRTAB", "DT_HASH", "DT_GNU_HASH", "DT_VERSYM", "DT_VERNEED", "DT_RELA", "DT_REL", "DT_JMPREL")
_UNDEFINED = 0  # section number of an import
_LOCAL = 0  # binding
_GO_NOTE, _GO_BUILD_ID = b"Go\0\0", 4
_GO_SECTIONS = (b".gopclntab\0", b".go.buildinfo\0")


class DamagedError(Exception):
    """The loader would not load this file either, or only by luck. The text says why."""


class NotElfError(Exception):
    """The file does not begin as an ELF file does."""


@dataclass(frozen=True)
class ElfFile:
    """What matters of a program or library. Names are decoded as by os.fsdecode."""

    machine: Machine
    type: str  # ET_EXEC, ET_DYN, ...
    interpreter: str | None = None
    is_go: bool = False
    soname: str | None = None
    needed: tuple[str, ...] = ()
    rpath: str | None = None  # None where there is a runpath: the loader then ignores it
    runpath: str | None = None
    flags_1: int = 0  # DF_1_*
    imports: frozenset[str] = frozenset()
    exports: frozenset[str] = frozenset()  # only if asked for


def read_elf(file: BinaryIO, exports: bool = False) -> ElfFile:
    """Read one. `file` is unbuffered and seekable.

    Raises:
        NotElfError, DamagedError
        OSError: reading failed.
    """
    try:
        return _Reader(file).read(exports)
    except (OSError, NotElfError, DamagedError):
        raise
    except Exception as error:  # pyelftools and construct have no common base, and both let others through
        raise DamagedError(f"its headers make no sense ({type(error).__name__})") from error


@cache
def _layouts(bits: int, order: str) -> Any:
    layouts = ELFStructs(little_endian=order == "little", elfclass=bits)
    layouts.create_basic_structs()
    layouts.create_advanced_structs()
    return layouts


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        ident = self.at(0, min(16, self.size), "header")
        if ident[:4] != b"\x7fELF":
            raise NotElfError
        if len(ident) < 16 or ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise DamagedError("its header is cut off or names no class and byte order")
        self.bits = 32 * ident[4]
        self.order: Literal["little", "big"] = "little" if ident[5] == 1 else "big"
        self.mark = "<" if self.order == "little" else ">"
        self.word = "Q" if self.bits == 64 else "I"
        self.layouts = _layouts(self.bits, self.order)
        self.header = self.parse(self.layouts.Elf_Ehdr, 0, "header")
        machine = struct.unpack_from(self.mark + "H", self.at(18, 2, "header"))[0]
        self.machine = machine_of(machine, self.bits, self.order)
        self.segments: list[Any] = []

    def at(self, offset: int, length: int, what: str) -> bytes:
        """`length` bytes at a file offset.

        Raises:
            DamagedError: they are not all there.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise DamagedError(f"its {what} would lie beyond its end")
        self.file.seek(offset)
        content = self.file.read(length) or b""
        if len(content) != length:  # it shrank meanwhile
            raise DamagedError(f"its {what} is cut off")
        return content

    def parse(self, layout: Any, offset: int, what: str) -> Any:
        return layout.parse(self.at(offset, layout.sizeof(), what))

    def read(self, exports: bool) -> ElfFile:
        self.segments = list(self.program_headers())
        facts: dict[str, Any] = {
            "machine": self.machine,
            "type": str(self.header["e_type"]),
            "interpreter": self.interpreter(),
            "is_go": self.has_go_note() or self.has_go_section(),
        }
        dynamic = next((s for s in self.segments if s["p_type"] == "PT_DYNAMIC"), None)
        if dynamic is not None:
            facts |= self.dynamic(dynamic, exports)
        return ElfFile(**facts)

    def program_headers(self) -> Iterator[Any]:
        layout = self.layouts.Elf_Phdr
        count, size = self.header["e_phnum"], layout.sizeof()
        if count == 0:
            return
        if self.header["e_phentsize"] != size or count * size > _MAX_HEADERS:
            raise DamagedError("its program headers have a size that no loader takes")
        table = self.at(self.header["e_phoff"], count * size, "table of program headers")
        for index in range(count):
            yield layout.parse(table[index * size : (index + 1) * size])

    def interpreter(self) -> str | None:
        segment = next((s for s in self.segments if s["p_type"] == "PT_INTERP"), None)
        if segment is None:
            return None
        if not 2 <= segment["p_filesz"] <= _MAX_PATH:
            raise DamagedError("the name of its loader has a length that the kernel refuses")
        name = self.at(segment["p_offset"], segment["p_filesz"], "name of its loader")
        if name[-1:] != b"\0":
            raise DamagedError("the name of its loader has no end")
        return os.fsdecode(name.partition(b"\0")[0])

    def has_go_note(self) -> bool:
        """Go's linker leaves a build id. A damaged or long note is none of the loader's business."""
        for segment in self.segments:
            if segment["p_type"] != "PT_NOTE" or segment["p_offset"] > self.size:
                continue
            notes = self.at(
                segment["p_offset"],
                min(segment["p_filesz"], _MAX_HEADERS, self.size - segment["p_offset"]),
                "notes",
            )
            position = 0
            while position + 12 <= len(notes):
                name, content, kind = struct.unpack_from(self.mark + "3I", notes, position)
                position += 12
                if kind == _GO_BUILD_ID and notes[position : position + name] == _GO_NOTE:
                    return True
                position += (name + 3 & ~3) + (content + 3 & ~3)
        return False

    def has_go_section(self) -> bool:
        """The build id can be left out; Go's sections stay. No loader reads these: damage is ignored."""
        layout = self.layouts.Elf_Shdr
        index = self.header["e_shstrndx"]
        if not self.header["e_shoff"] or self.header["e_shentsize"] != layout.sizeof():
            return False
        try:
            header = self.parse(layout, self.header["e_shoff"] + index * layout.sizeof(), "section header")
            names = self.at(
                header["sh_offset"], min(header["sh_size"], _MAX_HEADERS), "names of its sections"
            )
        except DamagedError:
            return False
        return any(section in names for section in _GO_SECTIONS)

    def offset(self, address: int, what: str) -> int:
        """The file offset of a virtual address."""
        for segment in self.segments:
            into = address - segment["p_vaddr"]
            if segment["p_type"] == "PT_LOAD" and 0 <= into < segment["p_filesz"]:
                return int(segment["p_offset"] + into)
        raise DamagedError(f"its {what} lies in no segment")

    def dynamic(self, segment: Any, exports: bool) -> dict[str, Any]:
        size = struct.calcsize(self.mark + 2 * self.word)
        if segment["p_filesz"] > _MAX_DYNAMIC * size:
            raise DamagedError("its dynamic section is too long")
        usable = segment["p_filesz"] - segment["p_filesz"] % size
        table = self.at(segment["p_offset"], usable, "dynamic section")
        tags: dict[int, int] = {}
        needed: list[int] = []
        for tag, value in struct.iter_unpack(self.mark + 2 * self.word, table):
            if tag == DT["DT_NULL"]:
                break
            if tag == DT["DT_NEEDED"]:
                needed.append(value)
            tags[tag] = value
        if len(needed) > _MAX_NEEDED:
            raise DamagedError(f"it needs {len(needed)} libraries")
        if DT["DT_STRTAB"] not in tags:
            return {}
        strings = self.strings(tags)

        def text(offset: int) -> str:
            end = strings.find(b"\0", offset, offset + _MAX_NAME)
            if end < 0:
                raise DamagedError("a name in its dynamic section has no end")
            return os.fsdecode(strings[offset:end])

        def optional(tag: str) -> str | None:
            return text(tags[DT[tag]]) if DT[tag] in tags else None

        runpath = optional("DT_RUNPATH")
        imported, exported = self.symbols(tags, strings, exports)
        return {
            "soname": optional("DT_SONAME"),
            "needed": tuple(map(text, needed)),
            "runpath": runpath,
            "rpath": optional("DT_RPATH") if runpath is None else None,
            "flags_1": tags.get(DT["DT_FLAGS_1"], 0),
            "imports": imported,
            "exports": exported,
        }

    def strings(self, tags: dict[int, int]) -> bytes:
        length = tags.get(DT["DT_STRSZ"], 0)
        if length > _MAX_STRINGS:
            raise DamagedError("its string table is too long")
        return self.at(self.offset(tags[DT["DT_STRTAB"]], "string table"), length, "string table")

    def symbols(
        self, tags: dict[int, int], strings: bytes, exports: bool
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the dynamic symbols: those that others define, and those that this file does."""
        if DT["DT_SYMTAB"] not in tags:
            return frozenset(), frozenset()
        start = self.offset(tags[DT["DT_SYMTAB"]], "symbol table")
        layout = self.mark + ("IBBHQQ" if self.bits == 64 else "IIIBBH")
        info, section = (1, 3) if self.bits == 64 else (3, 5)
        count = self.symbol_count(tags)
        if count > _MAX_SYMBOLS:
            raise DamagedError(f"it has {count} symbols")
        table = self.at(start, count * struct.calcsize(layout), "symbol table")
        imported: set[str] = set()
        exported: set[str] = set()
        length = 0
        for symbol in struct.iter_unpack(layout, table):
            if symbol[info] >> 4 == _LOCAL or (symbol[section] != _UNDEFINED and not exports):
                continue
            name = strings[symbol[0] : strings.find(b"\0", symbol[0])]
            length += len(name)
            if length > _MAX_STRINGS:
                raise DamagedError("the names of its symbols are too long")
            (imported if symbol[section] == _UNDEFINED else exported).add(os.fsdecode(name))
        return frozenset(imported), frozenset(exported)

    def symbol_count(self, tags: dict[int, int]) -> int:
        """Nothing says it outright: the old hash table has as many chains, the new one is walked."""
        if DT["DT_HASH"] in tags:
            word = "Q" if self.machine.name == "s390x" else "I"
            start = self.offset(tags[DT["DT_HASH"]], "hash table")
            size = struct.calcsize(word)
            return int(struct.unpack(self.mark + word, self.at(start + size, size, "hash table"))[0])
        hashed = 0
        if DT["DT_GNU_HASH"] in tags:
            hashed = self.gnu_hash_count(self.offset(tags[DT["DT_GNU_HASH"]], "hash table"))
        return hashed or self.symbols_before_next_table(tags)

    def symbols_before_next_table(self, tags: dict[int, int]) -> int:
        """For what exports nothing, and so has nothing to hash."""
        start = tags[DT["DT_SYMTAB"]]
        behind = [tags[DT[tag]] for tag in _TABLES if tags.get(DT[tag], 0) > start]
        size = struct.calcsize("IBBHQQ" if self.bits == 64 else "IIIBBH")
        return (min(behind) - start) // size if behind else 0

    def gnu_hash_count(self, start: int) -> int:
        """One more than the last symbol in it; 0 if it is empty, which tells nothing."""
        buckets, first, bloom, _ = struct.unpack(self.mark + "4I", self.at(start, 16, "hash table"))
        if buckets > _MAX_BUCKETS:
            raise DamagedError(f"its hash table has {buckets} buckets")
        table = start + 16 + bloom * self.bits // 8
        heads = struct.unpack(f"{self.mark}{buckets}I", self.at(table, 4 * buckets, "hash table"))
        last = max(heads, default=0)
        if last < first:
            return 0
        chains = table + 4 * buckets
        while last - first < _MAX_SYMBOLS:
            position = chains + 4 * (last - first)
            piece = self.at(position, min(256, (self.size - position) & ~3), "hash table")
            if not piece:
                break
            for (link,) in struct.iter_unpack(self.mark + "I", piece):
                last += 1
                if link & 1:
                    return int(last)
        raise DamagedError("its hash table has no end")

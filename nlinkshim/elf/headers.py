"""The layouts of ELF that files and memory share (elf(5)), for both classes and both byte orders.

Whoever calls makes sure that the bytes are there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

TYPES = {1: "ET_REL", 2: "ET_EXEC", 3: "ET_DYN", 4: "ET_CORE"}

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR = 1, 2, 3, 4, 6

DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_STRSZ = 0, 1, 4, 5, 6, 7, 10
DT_SONAME, DT_RPATH, DT_REL, DT_DEBUG, DT_JMPREL, DT_RUNPATH = 14, 15, 17, 21, 23, 29
DT_GNU_HASH, DT_VERSYM, DT_FLAGS_1, DT_VERNEED = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFB, 0x6FFFFFFE


class Format(NamedTuple):
    """Byte order ('<' or '>') and bytes of a machine word (4 or 8)."""

    order: str
    word: int

    def unpack(self, codes: str, data: bytes) -> tuple[int, ...]:
        """struct.unpack of `codes`, where P is a machine word."""
        return struct.unpack(self.order + codes.replace("P", "Q" if self.word == 8 else "I"), data)

    def size(self, codes: str) -> int:
        return struct.calcsize("=" + codes.replace("P", "Q" if self.word == 8 else "I"))


HEADER = "2HI3PI6H"  # codes of Header
SECTION, SECTION_REST = "2I4P", "2I2P"  # of Section, and of what follows it


class Header(NamedTuple):
    """What stands behind the 16 bytes of e_ident."""

    type: int
    machine: int
    version: int
    entry: int
    segments: int  # offset of the program headers
    sections: int  # offset of the section headers
    flags: int
    size: int
    segment_size: int
    segment_count: int
    section_size: int
    section_count: int
    names: int  # index of the section of the sections' names


class Segment(NamedTuple):
    """A program header."""

    kind: int
    offset: int
    address: int
    file_size: int
    memory_size: int


class Section(NamedTuple):
    """A section header, as far as it is read."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int


def segment_codes(form: Format) -> str:
    return "2I6P" if form.word == 8 else "8I"


def segments(form: Format, table: bytes) -> list[Segment]:
    """The program headers in the bytes of the table."""
    codes = segment_codes(form)
    size = form.size(codes)
    found = []
    for start in range(0, len(table) - size + 1, size):
        fields = form.unpack(codes, table[start : start + size])
        if form.word == 8:
            kind, _, offset, address, _, file_size, memory_size, _ = fields
        else:
            kind, offset, address, _, file_size, memory_size, _, _ = fields
        found.append(Segment(kind, offset, address, file_size, memory_size))
    return found


class Note(NamedTuple):
    """`name` with its end; `content` is shorter than `size` where it is cut off."""

    name: bytes
    kind: int
    size: int
    content: bytes


def notes(form: Format, data: bytes) -> Iterator[Note]:
    while len(data) >= 12:
        name, size, kind = form.unpack("3I", data[:12])
        body = 12 + (name + 3 & ~3)
        yield Note(data[12 : 12 + name], kind, size, data[body : body + size])
        data = data[body + (size + 3 & ~3) :]

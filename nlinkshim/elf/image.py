"""ELF images as they lie in memory, or in a file: just enough to find one exported object (elf(5)).

Nothing that is read is believed: each address is checked against the image's bounds, each loop has an end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

Read = Callable[[int, int], bytes]  # address, size -> exactly so many bytes, or MalformedError

PT_LOAD, PT_DYNAMIC, PT_NOTE, PT_PHDR = 1, 2, 4, 6
DT_HASH, DT_STRTAB, DT_SYMTAB, DT_GNU_HASH, DT_DEBUG = 4, 5, 6, 0x6FFFFEF5, 21
NT_GNU_BUILD_ID = 3

MOST_DYNAMIC = 1024
MOST_CHAIN = 4096
MOST_NOTES = 4096  # bytes


class MalformedError(Exception):
    """It is no ELF image, a damaged one, or it cannot be read (any more)."""


class Format(NamedTuple):
    """Byte order ('<' or '>') and bytes of a machine word (4 or 8)."""

    order: str
    word: int

    def unpack(self, codes: str, data: bytes) -> tuple[int, ...]:
        """struct.unpack of `codes`, where P is a machine word."""
        return struct.unpack(self.order + codes.replace("P", "Q" if self.word == 8 else "I"), data)

    def size(self, codes: str) -> int:
        return struct.calcsize("=" + codes.replace("P", "Q" if self.word == 8 else "I"))


class Segment(NamedTuple):
    """A program header."""

    kind: int
    offset: int
    address: int
    file_size: int
    memory_size: int


def segments(form: Format, table: bytes) -> list[Segment]:
    """The program headers in the bytes of the table."""
    size = form.size("8I" if form.word == 4 else "2I6P")
    found = []
    for start in range(0, len(table) - size + 1, size):
        fields = form.unpack("8I" if form.word == 4 else "2I6P", table[start : start + size])
        if form.word == 8:
            kind, _, offset, address, _, file_size, memory_size, _ = fields
        else:
            kind, offset, address, _, file_size, memory_size, _, _ = fields
        found.append(Segment(kind, offset, address, file_size, memory_size))
    return found


def gnu_hash(name: bytes) -> int:
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def sysv_hash(name: bytes) -> int:
    value = 0
    for byte in name:
        value = (value << 4) + byte
        value = (value ^ (value >> 24 & 0xF0)) & 0x0FFFFFFF
    return value


class Image:
    """One ELF object between the addresses `low` and `high`, its header at `low`."""

    def __init__(self, read: Read, low: int, high: int) -> None:
        """Raises:
        MalformedError: there is no ELF header.
        """
        self._read, self.low, self.high = read, low, high
        ident = self.read(low, 20)
        if ident[:4] != b"\x7fELF" or ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise MalformedError("no ELF header")
        self.form = Format("<" if ident[5] == 1 else ">", 4 * ident[4])
        (self.machine,) = self.form.unpack("H", ident[18:20])

    def read(self, address: int, size: int) -> bytes:
        if not self.low <= address <= address + size <= self.high:
            raise MalformedError("an address outside the image")
        return self._read(address, size)

    def _words(self, address: int, codes: str) -> tuple[int, ...]:
        return self.form.unpack(codes, self.read(address, self.form.size(codes)))

    @cached_property
    def segments(self) -> list[Segment]:
        place = 28 if self.form.word == 4 else 32
        (table,) = self._words(self.low + place, "P")
        size, count = self._words(self.low + (42 if self.form.word == 4 else 54), "2H")
        if size != self.form.size("8I" if self.form.word == 4 else "2I6P"):
            raise MalformedError("an impossible table of program headers")
        return segments(self.form, self.read(self.low + table, size * count))

    @cached_property
    def bias(self) -> int:
        """What is added to the addresses written in the file."""
        loads = [segment for segment in self.segments if segment.kind == PT_LOAD]
        if not loads:
            raise MalformedError("no segment to load")
        first = min(loads, key=lambda segment: segment.address)
        return self.low - (first.address - first.offset)

    @property
    def dynamic(self) -> int | None:
        """The address of the dynamic section, if there is one."""
        return next((s.address + self.bias for s in self.segments if s.kind == PT_DYNAMIC), None)

    @cached_property
    def _tags(self) -> dict[int, int]:
        for segment in self.segments:
            if segment.kind == PT_DYNAMIC:
                size = min(segment.memory_size, MOST_DYNAMIC * 2 * self.form.word)
                return dynamic_tags(self.form, self.read(segment.address + self.bias, size))
        return {}

    def _table(self, tag: int) -> int | None:
        """The address of a table. glibc adds the bias to these entries in place, musl leaves them."""
        value = self._tags.get(tag)
        if value is None:
            return None
        return value if self.low <= value < self.high else value + self.bias

    def find(self, name: bytes) -> tuple[int, int] | None:
        """Address and size of an exported object, both inside the image. None: it exports none of that name.

        Raises:
            MalformedError: the tables cannot be followed.
        """
        symbols, strings = self._table(DT_SYMTAB), self._table(DT_STRTAB)
        if symbols is None or strings is None:
            return None
        if (table := self._table(DT_GNU_HASH)) is not None:
            candidates = self._gnu_candidates(table, gnu_hash(name))
        elif (table := self._table(DT_HASH)) is not None:
            candidates = self._sysv_candidates(table, sysv_hash(name))
        else:
            return None
        codes = "I2BH2P" if self.form.word == 8 else "I2P2BH"
        for number in candidates:
            fields = self._words(symbols + number * self.form.size(codes), codes)
            label = fields[0]
            section, value, size = fields[3:6] if self.form.word == 8 else (fields[5], fields[1], fields[2])
            if section and self.read(strings + label, len(name) + 1) == name + b"\0":
                self.read(value + self.bias, size)
                return value + self.bias, size
        return None

    def _gnu_candidates(self, table: int, wanted: int) -> list[int]:
        buckets, first, bloom, shift = self._words(table, "4I")
        bits = self.form.word * 8
        if not buckets or not bloom or shift > 31:
            return []
        word = table + 16 + wanted // bits % bloom * self.form.word
        (mask,) = self._words(word, "P")
        if not (mask >> (wanted % bits)) & (mask >> ((wanted >> shift) % bits)) & 1:
            return []
        start = table + 16 + bloom * self.form.word
        (number,) = self._words(start + wanted % buckets * 4, "I")
        found: list[int] = []
        for step in range(MOST_CHAIN):
            if number < first:
                break
            (value,) = self._words(start + (buckets + number + step - first) * 4, "I")
            if value | 1 == wanted | 1:
                found.append(number + step)
            if value & 1:
                break
        return found

    def _sysv_candidates(self, table: int, wanted: int) -> list[int]:
        buckets, chains = self._words(table, "2I")
        found: list[int] = []
        if not buckets:
            return found
        (number,) = self._words(table + 8 + wanted % buckets * 4, "I")
        while 0 < number < chains and len(found) < MOST_CHAIN:
            found.append(number)
            (number,) = self._words(table + 8 + (buckets + number) * 4, "I")
        return found

    def build_id(self, *, in_file: bool = False) -> str | None:
        """The id the linker gave this build, in hex. `in_file`: the image is a file, not memory."""
        for segment in self.segments:
            if segment.kind != PT_NOTE:
                continue
            address = self.low + segment.offset if in_file else segment.address + self.bias
            notes = self.read(address, min(segment.file_size, MOST_NOTES))
            while len(notes) >= 12:
                label, size, kind = self.form.unpack("3I", notes[:12])
                body = 12 + (label + 3 & ~3)
                if kind == NT_GNU_BUILD_ID and notes[12:16] == b"GNU\0" and body + size <= len(notes):
                    return notes[body : body + size].hex()
                notes = notes[body + (size + 3 & ~3) :]
        return None


def dynamic_tags(form: Format, data: bytes) -> dict[int, int]:
    """Tags and values in the bytes of a dynamic section, the first of each tag."""
    tags: dict[int, int] = {}
    step = 2 * form.word
    for start in range(0, len(data) - step + 1, step):
        tag, value = form.unpack("2P", data[start : start + step])
        if tag == 0:
            break
        tags.setdefault(tag, value)
    return tags

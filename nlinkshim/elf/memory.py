"""The memory of another process: its map, its bytes, and the order in which its loader searches.

The process may be hostile, or end at any moment: every way to fail comes out as MalformedError.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from nlinkshim.elf.image import (
    DT_DEBUG,
    MOST_DYNAMIC,
    PT_DYNAMIC,
    PT_PHDR,
    Format,
    MalformedError,
    Read,
    dynamic_tags,
    segments,
)

AT_PHDR, AT_PHNUM = 3, 5
MOST_HEADERS = 64
MOST_OBJECTS = 4096  # of a link map
DELETED = " (deleted)"


class Region(NamedTuple):
    """One line of /proc/PID/maps."""

    start: int
    end: int
    readable: bool
    offset: int
    file: tuple[str, int]  # device and inode; inode 0: no file
    path: str


_LINE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (r|-)\S* ([0-9a-f]+) (\S+) (\d+) *([^\n]*)")


def parse_maps(text: bytes) -> list[Region]:
    """The regions of a process, in the order of their addresses."""
    return [
        Region(
            start=int(start, 16),
            end=int(end, 16),
            readable=readable == b"r",
            offset=int(offset, 16),
            file=(device.decode(), int(inode)),
            path=os.fsdecode(path.replace(rb"\012", b"\n")),
        )
        for start, end, readable, offset, device, inode, path in _LINE.findall(text)
    ]


def extent(regions: Sequence[Region], first: int) -> int:
    """Where the image whose first region is regions[first] ends: its file's regions, and the memory without a
    file (.bss) that adjoins them."""
    end = regions[first].end
    for region in regions[first + 1 :]:
        if region.start != end or (region.file != regions[first].file and region.file[1]):
            break
        end = region.end
    return end


class Memory:
    """The readable memory of the process behind `folder`, a descriptor of its folder in /proc."""

    def __init__(self, folder: int) -> None:
        """Raises:
        OSError: it may not be read, or the process has ended.
        """
        self._folder = folder
        self._mem = os.open("mem", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)

    def close(self) -> None:
        os.close(self._mem)

    def read(self, address: int, size: int) -> bytes:
        try:
            data = os.pread(self._mem, size, address)
        except (OSError, OverflowError) as error:
            raise MalformedError(f"memory that cannot be read ({error})") from None
        if len(data) != size:
            raise MalformedError("memory that cannot be read")
        return data

    def answers(self, regions: Sequence[Region]) -> bool:
        """Whether it is still the memory of a process: some byte of it can be read."""
        for region in regions:
            if region.readable:
                with contextlib.suppress(MalformedError):
                    self.read(region.start, 1)
                    return True
        return False

    def link_map(self, form: Format, regions: Sequence[Region]) -> list[int]:
        """The dynamic sections of the loaded objects in the order in which the loader searches them."""
        plain = [r for r in regions if r.readable and not r.path.startswith(("/dev/", "[v"))]

        def read(address: int, size: int) -> bytes:
            if not any(region.start <= address <= address + size <= region.end for region in plain):
                raise MalformedError("an address that is not mapped")
            return self.read(address, size)

        debug = self._main_tags(form, read).get(DT_DEBUG, 0)
        if not debug:
            raise MalformedError("its loader has not started")
        (entry,) = form.unpack("P", read(debug + form.word, form.word))
        found: list[int] = []
        while entry and len(found) < MOST_OBJECTS:
            _, _, dynamic, entry = form.unpack("4P", read(entry, 4 * form.word))
            found.append(dynamic)
        return found

    def _main_tags(self, form: Format, read: Read) -> dict[int, int]:
        """The dynamic section of the program itself, which the kernel's auxiliary vector leads to."""
        vector = self._auxiliary(form)
        count, place = vector.get(AT_PHNUM, 0), vector.get(AT_PHDR, 0)
        if not 0 < count <= MOST_HEADERS:
            raise MalformedError("no program headers")
        headers = segments(form, read(place, count * form.size("8I" if form.word == 4 else "2I6P")))
        bias = next((place - segment.address for segment in headers if segment.kind == PT_PHDR), 0)
        for segment in headers:
            if segment.kind == PT_DYNAMIC:
                size = min(segment.memory_size, MOST_DYNAMIC * 2 * form.word)
                return dynamic_tags(form, read(segment.address + bias, size))
        raise MalformedError("no dynamic section")

    def _auxiliary(self, form: Format) -> dict[int, int]:
        try:
            data = read_small("auxv", self._folder)
        except OSError as error:
            raise MalformedError(f"no auxiliary vector ({error.strerror})") from None
        return dynamic_tags(form, data)  # pairs of words too, ended by a 0


def read_small(name: str, folder: int, limit: int = 1 << 26) -> bytes:
    """A file of /proc/PID, whole, up to `limit` bytes."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    with open(descriptor, "rb", buffering=0) as file:
        parts: list[bytes] = []
        while limit > 0 and (part := file.read(min(limit, 1 << 20))):
            parts.append(part)
            limit -= len(part)
    return b"".join(parts)

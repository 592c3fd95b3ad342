"""What must hold for the shared objects of a wheel; each fault is the rest of a sentence about the file."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from elftools.elf.dynamic import DynamicSection, DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nlinkshim.elf.machines import machine_of as row_of  # noqa: E402

STATE = "nlinkshim_state"
# What it may ask of others, if they have it.
IMPORTS = {"dl_iterate_phdr", "__errno_location", "environ"}
# The addresses of its trampolines (trees.c) and its constructor. One more is a table, or a function that is
# called through one, which is wrong before relocation.
RELATIVE_RELOCATIONS = 64 + 1
# R_*_RELATIVE
RELATIVE = {
    "EM_X86_64": 8,
    "EM_386": 8,
    "EM_AARCH64": 1027,
    "EM_ARM": 23,
    "EM_RISCV": 3,
    "EM_PPC64": 22,
    "EM_S390": 12,
}
LARGEST_SHIM, LARGEST_WALKER = 90_000, 130_000  # bytes
# Of whoever built it: folders, and the names of sources (three letters: machine code too has ".c\0" in it).
TRACES = re.compile(
    rb"/(?:home|root|tmp|work|build|project|github|Users|usr/(?:src|lib|include))/|\w{3}\.[ch]\0|ziglang"
)


def machine_of(path: Path) -> str:
    """As uname -m names it."""
    header = path.read_bytes()[:20]
    order: Literal["little", "big"] = "big" if header[5] == 2 else "little"
    return row_of(int.from_bytes(header[18:20], order), header[4] * 32, order).name


def exports_wanted(bits: int) -> set[str]:
    """The table, of which some rows are for 32-bit machines alone."""
    text = (ROOT / "csrc/shim/symbols.def").read_text()
    rows = re.findall(r"^ENTRY(_32)?\((\w+)", text, re.MULTILINE)
    return {name for only_32, name in rows if bits == 32 or not only_32} | {STATE}


def _common(path: Path, elf: ELFFile, largest: int) -> Iterator[str]:
    dynamic = next(s for s in elf.iter_sections() if isinstance(s, DynamicSection))
    tags = {tag.entry.d_tag for tag in dynamic.iter_tags()}
    for tag in ("DT_RUNPATH", "DT_RPATH", "DT_TEXTREL"):
        if tag in tags:
            yield f"has a {tag}"
    flags = [tag.entry.d_val for tag in dynamic.iter_tags() if tag.entry.d_tag in ("DT_FLAGS", "DT_FLAGS_1")]
    if not any(value & 0x9 for value in flags):
        yield "is not bound at load"
    segments = {segment.header.p_type: segment.header.p_flags for segment in elf.iter_segments()}
    if "PT_GNU_RELRO" not in segments:
        yield "has no RELRO"
    if segments.get("PT_GNU_STACK", 7) & 1:
        yield "asks for an executable stack"
    if any(s.header.p_type == "PT_LOAD" and s.header.p_flags & 3 == 3 for s in elf.iter_segments()):
        yield "has a segment that is writable and executable"
    content = path.read_bytes()
    if len(content) > largest:
        yield f"has {len(content)} bytes, more than {largest}"
    if trace := TRACES.search(content):
        start = max(0, trace.start() - 30)
        yield f"tells where it was built: {content[start : trace.end() + 30]!r}"


def walker_faults(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        yield from _common(path, ELFFile(file), LARGEST_WALKER)


def shim_faults(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        elf = ELFFile(file)
        yield from _common(path, elf, LARGEST_SHIM)
        yield from _faults_of_linking(elf)
        yield from _faults_of_symbols(elf)
        relative = _relocations(elf, RELATIVE[elf.header.e_machine])
        if relative != RELATIVE_RELOCATIONS:
            yield f"has {relative} relative relocations, not {RELATIVE_RELOCATIONS}"


def _faults_of_linking(elf: ELFFile) -> Iterator[str]:
    segment = next(s for s in elf.iter_segments() if isinstance(s, DynamicSegment))
    for tag in segment.iter_tags():
        if tag.entry.d_tag == "DT_NEEDED":
            yield f"needs {tag.needed}"  # type: ignore[attr-defined]
        if tag.entry.d_tag in ("DT_VERSYM", "DT_VERNEED", "DT_VERDEF"):
            yield f"has versions ({tag.entry.d_tag})"
    if any(s.header.p_type == "PT_TLS" for s in elf.iter_segments()):
        yield "has thread-local storage"


def _faults_of_symbols(elf: ELFFile) -> Iterator[str]:
    table = next(s for s in elf.iter_sections() if isinstance(s, SymbolTableSection))
    symbols = [symbol for symbol in table.iter_symbols() if symbol.name]
    imported = [symbol for symbol in symbols if symbol.entry.st_shndx == "SHN_UNDEF"]
    exported = {s.name: s.entry.st_info.type for s in symbols if s.entry.st_shndx != "SHN_UNDEF"}
    for symbol in imported:
        if symbol.entry.st_info.bind != "STB_WEAK":
            yield f"cannot do without {symbol.name}"
        if symbol.name not in IMPORTS:
            yield f"imports {symbol.name}"
    wanted = exports_wanted(elf.elfclass)
    if missing := wanted - exported.keys():
        yield f"lacks {' '.join(sorted(missing))}"
    if besides := exported.keys() - wanted:
        yield f"exports {' '.join(sorted(besides))} besides"
    kinds = {name: "STT_OBJECT" if name == STATE else "STT_FUNC" for name in exported}
    if wrong := [name for name in exported if exported[name] != kinds[name]]:
        yield f"exports what is no plain function: {' '.join(sorted(wrong))}"


def _relocations(elf: ELFFile, kind: int) -> int:
    sections = (section for section in elf.iter_sections() if isinstance(section, RelocationSection))
    return sum(entry["r_info_type"] == kind for section in sections for entry in section.iter_relocations())

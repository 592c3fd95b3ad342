"""Files that were never meant to be read: every one gets a verdict, soon and in little memory."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest
from elftools.construct import ConstructError
from harness import processes
from harness.preload import bare
from harness.programs import ids

from nlinkshim.elf import file as elf_reader
from nlinkshim.elf.file import DamagedError, NotElfError, read_elf

MUTATE = Path(__file__).with_name("mutate.py")


@pytest.mark.parametrize(
    ("kind", "seed", "count"), [("dynamic", 1, 4000), ("musl", 2, 3000), ("i686", 3, 3000)]
)
def test_mutations(request, folder, kind, seed, count):
    """Together 10,000. Some leave the program whole, so that not everything ends at the first check."""
    program = request.getfixturevalue(kind)
    words = [sys.executable, str(MUTATE), str(program), str(folder / "mutation"), str(seed), str(count)]
    seen = processes.run(words, env=bare(), timeout=110).stdout.split()
    assert "unreachable" in seen
    assert kind == "i686" or "reachable" in seen


def test_every_truncation(dynamic, folder):
    """One that still reads is one that has lost nothing which a loader looks at here."""
    content, path = dynamic.read_bytes(), folder / "cut"
    whole = read_elf(dynamic.open("rb", buffering=0))
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with path.open("rb", buffering=0) as file:
            try:
                assert read_elf(file).imports == whole.imports
            except (NotElfError, DamagedError):
                continue


def changed(program: Path, folder: Path, offset: int, layout: str, *values: int) -> Path:
    content = bytearray(program.read_bytes())
    struct.pack_into("<" + layout, content, offset, *values)
    path = folder / "changed"
    path.write_bytes(content)
    return path


E_PHOFF, E_PHENTSIZE, E_PHNUM, E_SHOFF = 32, 54, 56, 40


@pytest.mark.parametrize(
    ("offset", "layout", "value"),
    [(E_PHOFF, "Q", 2**63), (E_PHENTSIZE, "H", 0), (E_PHNUM, "H", 0xFFFF), (4, "B", 7), (5, "B", 0)],
)
def test_headers_that_make_no_sense(audit, dynamic, folder, offset, layout, value):
    code, result = audit(changed(dynamic, folder, offset, layout, value))
    assert (code, ids(result)) == (1, {"damaged"})


def test_more_program_headers_than_the_kernel_takes(audit, dynamic, folder):
    """All of them there, in a sparse file."""
    path = changed(dynamic, folder, E_PHNUM, "H", 0xFFFF)
    os.truncate(path, 1 << 30)
    code, result = audit(path)
    assert (code, ids(result)) == (1, {"damaged"})


def test_damaged_section_headers_do_not_matter(audit, dynamic, folder):
    """No loader reads them."""
    code, result = audit(changed(dynamic, folder, E_SHOFF, "Q", 2**63))
    assert (code, result["verdict"]) == (0, "reachable")


EHDR = "<HHIQQQIHHHHHH"  # behind e_ident
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SYMTAB, DT_RPATH, DT_RUNPATH = 1, 5, 10, 6, 15, 29


def crafted(path: Path, strings: bytes, symbols: bytes, needed: int, *more: tuple[int, int]) -> Path:
    """A library whose tables have these contents, each DT_NEEDED at another offset of its strings."""
    tags = [(DT_NEEDED, number) for number in range(needed)]
    tags += [
        (DT_STRTAB, 0x10000),
        (DT_STRSZ, len(strings)),
        (DT_SYMTAB, 0x10000 - len(symbols)),
        *more,
        (0, 0),
    ]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    body = 64 + 2 * 56
    start = body + len(dynamic)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(EHDR, 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    size = len(symbols) + len(strings)
    load = struct.pack("<IIQQQQQQ", 1, 4, start, 0x10000 - len(symbols), 0, size, size, 1)
    segment = struct.pack("<IIQQQQQQ", 2, 4, body, 0, 0, len(dynamic), len(dynamic), 8)
    path.write_bytes(header + load + segment + dynamic + symbols + strings)
    return path


def read(path: Path):
    with path.open("rb", buffering=0) as file:
        return read_elf(file)


def test_crafted_tables_are_read(folder):
    """What the two tests below stand on."""
    symbol = struct.pack("<IBBHQQ", 3, 0x12, 0, 0, 0, 0)
    elf = read(crafted(folder / "x", b"\0a\0stat\0", symbol, needed=2))
    assert (elf.imports, elf.needed) == ({"stat"}, ("", "a"))


def test_an_rpath_beside_a_runpath_is_ignored(folder):
    both = (DT_RPATH, 1), (DT_RUNPATH, 3)
    elf = read(crafted(folder / "x", b"\0a\0b\0", b"", 0, *both))
    assert (elf.rpath, elf.runpath) == (None, "b")
    elf = read(crafted(folder / "x", b"\0a\0b\0", b"", 0, both[0]))
    assert (elf.rpath, elf.runpath) == ("a", None)


def test_what_the_parsers_let_through_is_damage(dynamic, monkeypatch):
    def fail(bits: int, order: str) -> None:
        raise ConstructError("out of a library")

    monkeypatch.setattr(elf_reader, "_layouts", fail)
    with pytest.raises(DamagedError, match="ConstructError"):
        read(dynamic)


def test_names_without_an_end(folder):
    """Each symbol would take a copy of all that follows."""
    count = 100
    symbols = b"".join(struct.pack("<IBBHQQ", number, 0x12, 0, 0, 0, 0) for number in range(count))
    with pytest.raises(DamagedError, match="too long"):
        read(crafted(folder / "x", b"a" * (1 << 20), symbols, needed=0))


def test_needs_without_an_end(folder):
    with pytest.raises(DamagedError, match="no end"):
        read(crafted(folder / "x", b"a" * (20 << 20), b"", needed=500))
    with pytest.raises(DamagedError, match="needs"):
        read(crafted(folder / "x", b"\0" * 5000, b"", needed=5000))

"""csrc/shim/symbols.def as Python sees it: every parametrised test runs over these rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SHIM_SOURCES = Path(__file__).parents[2] / "csrc" / "shim"
SYMBOLS = SHIM_SOURCES / "symbols.def"
WHEELS = Path(__file__).parents[2] / "wheels"

BY_NAME = {"PATH", "LINK", "AT", "XPATH", "XLINK", "XAT", "STATX"}
BY_DESCRIPTOR = {"FD", "XFD"}
EMPTY_PATH = {"AT", "XAT", "STATX"}  # by descriptor too, with AT_EMPTY_PATH
NOT_FOLLOWING = {"LINK", "XLINK"}
WALKS = {"FTS_READ", "FTS_CHILDREN", "FTW", "NFTW"}


@dataclass(frozen=True)
class EntryPoint:
    name: str
    shape: str
    layout: str
    relative: str
    only_32: bool = False  # of 32-bit machines alone

    def __str__(self) -> str:
        return self.name


def _read() -> list[EntryPoint]:
    rows = re.findall(r"^ENTRY(_32)?\(([^)]*)\)", SYMBOLS.read_text(), re.MULTILINE)
    fields = [(bool(only_32), [field.strip() for field in row.split(",")]) for only_32, row in rows]
    return [
        EntryPoint(name, shape, layout, relative, only_32)
        for only_32, (name, shape, layout, relative) in fields
    ]


ENTRY_POINTS_32 = _read()
ENTRY_POINTS = [entry for entry in ENTRY_POINTS_32 if not entry.only_32]


def shaped(*shapes: set[str]) -> list[EntryPoint]:
    wanted = set().union(*shapes)
    return [entry for entry in ENTRY_POINTS if entry.shape in wanted]

"""csrc/shim/symbols.def as Python sees it: every parametrised test runs over these rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SHIM_SOURCES = Path(__file__).parents[2] / "csrc" / "shim"
SYMBOLS = SHIM_SOURCES / "symbols.def"

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

    def __str__(self) -> str:
        return self.name


def _read() -> list[EntryPoint]:
    rows = re.findall(r"^ENTRY\(([^)]*)\)", SYMBOLS.read_text(), re.MULTILINE)
    return [EntryPoint(*(field.strip() for field in row.split(","))) for row in rows]


ENTRY_POINTS = _read()


def shaped(*shapes: set[str]) -> list[EntryPoint]:
    wanted = set().union(*shapes)
    return [entry for entry in ENTRY_POINTS if entry.shape in wanted]

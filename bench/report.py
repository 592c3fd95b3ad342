"""Sections of Markdown, and the file that keeps the last one of each question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""

    def markdown(self) -> str:
        lines = [self.header, ["---"] + ["--:"] * (len(self.header) - 1), *self.rows]
        table = "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
        return f"{self.caption}\n\n{table}" if self.caption else table


@dataclass(frozen=True)
class Target:
    """What must be reached. `value` may be at most `limit`, or with `at_least` not below it."""

    text: str
    value: float
    limit: float
    at_least: bool = False
    shown: str = "{:.4g}"

    def markdown(self) -> str:
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        return f"- **{'met' if met else 'missed'}**: {self.text}: {self.shown.format(self.value)}"


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    method: str
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        parts = [f"## {self.title} (`{self.name}`)", self.method]
        parts += [table.markdown() for table in self.tables]
        bullets = [target.markdown() for target in self.targets] + [f"- {note}" for note in self.notes]
        return "\n\n".join([*parts, "\n".join(bullets)] if bullets else parts) + "\n"


@dataclass(frozen=True)
class Results:
    path: Path
    machine: str
    order: list[str]

    def heading(self) -> str:
        return f"# Measured\n\n{self.machine}. Written by `make bench`.\n"

    def keep(self, section: Section) -> None:
        """Put the section in the place of the one with its name."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        held = {}
        for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
            if name := re.search(r"\(`(.*?)`\)$", part.splitlines()[0]):
                held[name[1]] = part.rstrip() + "\n"
        held[section.name] = section.markdown()
        parts = [held[name] for name in self.order if name in held]
        self.path.write_text("\n".join([self.heading(), *parts]), encoding="utf-8")

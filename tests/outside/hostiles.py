"""Mounts of hostile.c, and what stands in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import mounts, processes

SOURCES = Path(__file__).parent
ROOT = 1


def compile_c(source: str, out: Path, *flags: str) -> Path:
    """Build a C file of this folder."""
    command = ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", *flags]
    processes.run([*command, "-o", str(out), str(SOURCES / source)], timeout=60)
    return out


@dataclass(frozen=True)
class Entry:
    """One entry: its number (node id, inode), and its path below the root; '' is the root."""

    number: int
    kind: str  # root, folder, file, link
    path: str


@dataclass(frozen=True)
class Tree:
    """What hostile serves with --folders and --files."""

    folders: int = 4
    files: int = 25

    def __len__(self) -> int:
        return 1 + self.folders * (self.files + 1)

    def __iter__(self) -> Iterator[Entry]:
        yield Entry(ROOT, "root", "")
        for folder in range(self.folders):
            first = 2 + folder * (self.files + 1)
            yield Entry(first, "folder", f"d{folder:05}")
            for file in range(self.files):
                kind = "link" if file % 10 == 9 else "file"
                yield Entry(first + 1 + file, kind, f"d{folder:05}/{kind[0]}{file:04}")

    def chosen(self, *kinds: str, each: int = 1) -> list[Entry]:
        """The entries that a rule with these words chooses. The root is number 1: in no `each` above 1."""
        return [e for e in self if (not kinds or e.kind in kinds) and e.number % each == 0]


@contextlib.contextmanager
def mount(
    program: Path, path: Path, rules: tuple[str, ...], tree: Tree, **options: int
) -> Iterator[mounts.FuseMount]:
    """Serve `tree` by these rules; options: keep (milliseconds), twice, ghosts, one_file, offsets,
    statfs (an errno), statfs_hangs, capacity (blocks)."""
    given = {"folders": tree.folders, "files": tree.files, **options}
    flags = [word for key, value in given.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    with mounts.served(path, [str(program), *flags, *rules, str(path)]) as mounted:
        yield mounted

#!/usr/bin/env python3
"""A FUSE daemon on libfuse 3 that behaves as one of the KINDS below.

While the file of --hang-while exists, no request is answered (with --hang-at: none about that path).
While the file of --fail-while exists, each fails with EIO.
"""

from __future__ import annotations

import argparse
import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

os.environ["FUSE_LIBRARY_NAME"] = "fuse3"  # mfusepy would rather take libfuse 2

import mfusepy

FOLDERS = ["/folder", "/folder/sub", "/removable"]
FILES = {"/file": b"file\n", "/folder/inner": b"inner\n" * 1000, "/folder/sub/leaf": b"leaf\n", "/empty": b""}
LINKS = {"/link": "file", "/folder/up": "../file"}


@dataclass
class Entry:
    mode: int
    content: bytes = b""
    path: str = ""
    inode: int = 0
    answers: int = 0


@dataclass(frozen=True)
class Kind:
    """How a daemon differs from an honest one. `count` turns the true link count into the one it reports."""

    count: Callable[[Entry, int], int] = lambda entry, true: true
    error: dict[str, int] = field(default_factory=dict)  # path: errno of every look at it
    allow_other: bool = True
    grows: dict[str, int] = field(default_factory=dict)  # path: in how many answers it is seen to grow
    vanishes: dict[str, int] = field(default_factory=dict)  # path: errno of its first look, which ends it


KINDS = {
    "honest": Kind(),
    "lying": Kind(count=lambda entry, true: 0),
    "lying-files": Kind(count=lambda entry, true: true if stat.S_ISDIR(entry.mode) else 0),
    "lying-folders": Kind(count=lambda entry, true: 0 if stat.S_ISDIR(entry.mode) else true),
    "honest-root": Kind(count=lambda entry, true: true if entry.path == "/" else 0),
    "io-error": Kind(count=lambda entry, true: 0, error={"/folder/inner": errno.EIO, "/empty": errno.EIO}),
    "vanishing": Kind(
        vanishes={"/folder/inner": errno.ENOENT, "/empty": errno.ESTALE, "/folder/sub/leaf": errno.ENOTDIR}
    ),
    "listed-but-not-there": Kind(
        error={"/folder/inner": errno.ENOENT, "/empty": errno.ESTALE, "/folder/sub/leaf": errno.ENOTDIR}
    ),
    "growing": Kind(count=lambda entry, true: 0, grows={"/file": 1 << 30, "/empty": 4}),
    "private": Kind(allow_other=False),
    "private-lying": Kind(count=lambda entry, true: 0, allow_other=False),
}


class Scripted(mfusepy.Operations):
    use_ns = True

    def __init__(self, kind: Kind, options: argparse.Namespace) -> None:
        self.kind = kind
        self.options = options
        self.entries = {"/": Entry(stat.S_IFDIR | 0o755)}
        self.entries |= {path: Entry(stat.S_IFDIR | 0o755) for path in FOLDERS}
        self.entries |= {path: Entry(stat.S_IFREG | 0o644, content) for path, content in FILES.items()}
        self.entries |= {
            path: Entry(stat.S_IFLNK | 0o777, os.fsencode(target)) for path, target in LINKS.items()
        }
        for inode, (path, entry) in enumerate(self.entries.items(), 1):
            entry.inode, entry.path = inode, path

    def _look(self, path: str) -> Entry:
        time.sleep(self.options.latency)
        hangs = self.options.hang_while if self.options.hang_at in (None, path) else None
        while hangs and Path(hangs).exists():
            time.sleep(0.02)
        if self.options.fail_while and Path(self.options.fail_while).exists():
            raise mfusepy.FuseOSError(errno.EIO)
        if path in self.kind.vanishes and self.entries.pop(path, None):
            raise mfusepy.FuseOSError(self.kind.vanishes[path])
        if path in self.kind.error:
            raise mfusepy.FuseOSError(self.kind.error[path])
        try:
            return self.entries[path]
        except KeyError:
            raise mfusepy.FuseOSError(errno.ENOENT) from None

    def _children(self, folder: Entry) -> list[Entry]:
        return [
            e
            for e in list(self.entries.values())
            if e.path != "/" and str(Path(e.path).parent) == folder.path
        ]

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        entry = self._look(path)
        if stat.S_ISDIR(entry.mode):
            true = 2 + sum(stat.S_ISDIR(child.mode) for child in self._children(entry))
        else:
            true = 1
        entry.answers += 1
        return {
            "st_mode": entry.mode,
            "st_ino": entry.inode,
            "st_nlink": self.kind.count(entry, true),
            "st_size": len(entry.content) + min(entry.answers, self.kind.grows.get(path, 0)),
            "st_mtime": 1_700_000_000_000_000_000 + entry.inode,
            "st_ctime": 1_700_000_000_000_000_000,
            "st_atime": 1_700_000_000_000_000_000,
        }

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        folder = self._look(path)
        named = [(".", folder), ("..", self.entries[str(Path(path).parent)])]
        named += [(Path(child.path).name, child) for child in self._children(folder)]
        return [(name, {"st_ino": entry.inode, "st_mode": entry.mode}, 0) for name, entry in named]

    def readlink(self, path: str) -> str:
        return os.fsdecode(self._look(path).content)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self._look(path).content[offset : offset + size]

    def unlink(self, path: str) -> None:
        del self.entries[path]

    rmdir = unlink

    def rename(self, old: str, new: str) -> None:
        for path, entry in list(self.entries.items()):
            if path == old or path.startswith(old + "/"):
                entry.path = new + path[len(old) :]
                self.entries[entry.path] = self.entries.pop(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("mountpoint")
    parser.add_argument("--attr-timeout", type=float, default=1.0)
    parser.add_argument("--entry-timeout", type=float, default=1.0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--hang-while", metavar="FILE")
    parser.add_argument("--hang-at", metavar="PATH")
    parser.add_argument("--fail-while", metavar="FILE")
    options = parser.parse_args()
    kind = KINDS[options.kind]
    mfusepy.FUSE(
        Scripted(kind, options),
        options.mountpoint,
        foreground=True,
        allow_other=kind.allow_other,
        use_ino=True,
        attr_timeout=options.attr_timeout,
        entry_timeout=options.entry_timeout,
        fsname="scripted",
        subtype="scripted",
    )


if __name__ == "__main__":
    main()

"""The lying file system of the demo: a handful of films in memory, every link count 0.

Run as a program: python -m nlinkshim.engines.demo.filesystem MOUNT_POINT
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import PurePosixPath
from typing import Any

os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")

import mfusepy

FILES = {
    "/films/Metropolis (1927).mkv": b"not really a film\n" * 1000,
    "/films/Nosferatu (1922).mkv": b"nor is this\n" * 2000,
    "/series/Les Vampires/S01E01.mkv": b"nor this\n" * 500,
    "/readme.txt": b"Every entry here is alive, and reports a link count of 0.\n",
}
LINKS = {"/latest": "films/Metropolis (1927).mkv"}


FOLDERS = {str(parent) for path in FILES for parent in PurePosixPath(path).parents}


class LyingFiles(mfusepy.Operations):  # type: ignore[misc]  # mfusepy brings no types
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path in FOLDERS:
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 0}
        if path in FILES:
            return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 0, "st_size": len(FILES[path])}
        if path in LINKS:
            return {"st_mode": stat.S_IFLNK | 0o777, "st_nlink": 0, "st_size": len(LINKS[path])}
        raise mfusepy.FuseOSError(errno.ENOENT)

    def readdir(self, path: str, fh: int) -> list[str]:
        entries = map(PurePosixPath, [*FOLDERS - {"/"}, *FILES, *LINKS])
        return [".", "..", *sorted(entry.name for entry in entries if str(entry.parent) == path)]

    def readlink(self, path: str) -> str:
        return LINKS[path]

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return FILES[path][offset : offset + size]


if __name__ == "__main__":
    others = os.geteuid() == 0  # an ordinary user may not without a line in /etc/fuse.conf
    mfusepy.FUSE(
        LyingFiles(), sys.argv[1], foreground=True, ro=True, fsname="nlinkshim-demo", allow_other=others
    )

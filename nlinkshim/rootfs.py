"""A root file system as a process in it sees it: this machine's own, or an image's, unpacked in a folder."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import itertools
import os
import stat
from pathlib import Path
from typing import BinaryIO

from nlinkshim.errors import UsageError

_MAX_LINKS = 40  # as the kernel (path_resolution(7))
_MAX_PATH = 4096
_MAX_MATCHES = 4096


class RootFs:
    """Paths inside `top` are text that begins with '/'. Symbolic links, absolute ones too, are followed
    inside it and never out of it. Links to folders are read once: the tree is taken to stand still.

    Raises:
        UsageError: `top` is no folder.
    """

    def __init__(self, top: Path = Path("/")) -> None:
        if not top.is_dir():
            raise UsageError(f"{top} is no folder; --root takes the root file system of an image")
        self.top = os.path.realpath(top)
        self.is_this_machine = self.top == "/"
        self._links: dict[str, str | None] = {}

    def __str__(self) -> str:
        return self.top

    def host(self, path: str) -> str:
        """Where to open `path`. In an image it is free of symbolic links: the kernel cannot follow one out.

        Raises:
            OSError: ENOENT (of a folder on the way), ELOOP, or whatever the file system says.
        """
        if "\0" in path:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return path if self.is_this_machine else self.top + self.real(path)

    def real(self, path: str) -> str:
        """`path` without symbolic links, as seen inside; its last part may be missing.

        Raises:
            OSError: as host() does.
        """
        if len(path) >= _MAX_PATH:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
        if self.is_this_machine:
            return os.path.realpath(path)
        here, rest, hops = "", path.split("/")[::-1], 0  # here: "" for the top, else "/a/b"
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            if name == "..":
                here = here.rpartition("/")[0]
                continue
            target = self._link(f"{here}/{name}", is_last=not rest)
            if target is None:
                here = f"{here}/{name}"
                continue
            hops += 1
            if hops > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                here = ""
            rest += target.split("/")[::-1]
        return here or "/"

    def _link(self, inside: str, is_last: bool) -> str | None:
        """What a path leads to, if it is a symbolic link. Its folder is free of them."""
        if inside in self._links:
            return self._links[inside]
        try:
            target = os.readlink(self.top + inside)  # noqa: PTH115
        except OSError as error:
            if error.errno != errno.EINVAL and not (is_last and error.errno == errno.ENOENT):
                raise
            target = None
        if not is_last:
            self._links[inside] = target
        return target

    def is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(os.stat(self.host(path)).st_mode)  # noqa: PTH116
        except OSError:
            return False

    def is_file(self, path: str) -> bool:
        try:
            return stat.S_ISREG(os.stat(self.host(path)).st_mode)  # noqa: PTH116
        except OSError:
            return False

    def open_file(self, path: str) -> BinaryIO:
        """Open a regular file for reading, unbuffered.

        Raises:
            OSError: it cannot be opened; EINVAL for a device, a pipe or a folder, which are not even opened.
        """
        host = self.host(path)
        if not stat.S_ISREG(os.stat(host).st_mode):  # noqa: PTH116
            raise OSError(errno.EINVAL, "is no regular file", path)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if self.is_this_machine else os.O_NOFOLLOW)
        return open(os.open(host, flags), "rb", buffering=0)

    def read(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes of a file. Raises OSError as open_file() does."""
        with self.open_file(path) as file:
            return file.read(limit) or b""

    def glob(self, pattern: str) -> list[str]:
        """Paths that match, as glob(3) orders them; wildcards may stand in every part. No more than 4,096."""
        found = [""]
        for part in pattern.strip("/").split("/"):
            if not any(mark in part for mark in "*?["):
                found = [f"{folder}/{part}" for folder in found]
                continue
            matching = (
                f"{folder}/{name}"
                for folder in found
                for name in self.names(folder or "/")
                if fnmatch.fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))
            )
            found = list(itertools.islice(matching, _MAX_MATCHES))
        return found

    def names(self, folder: str) -> list[str]:
        """What is in a folder, sorted; nothing if it cannot be read."""
        with contextlib.suppress(OSError):
            return sorted(os.listdir(self.host(folder)))  # noqa: PTH208
        return []

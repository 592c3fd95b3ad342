"""Scripts: which program the kernel starts for one, as far as that can be told without running it."""

from __future__ import annotations

import os
import posixpath

from nlinkshim.rootfs import RootFs

# binfmt_script(5) reads as much
_HEAD = 256
_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def interpreter(path: str, root: RootFs) -> str | None:
    """What stands behind `#!`, or for env(1) the program that it will look up. None: it is no script.

    Raises:
        OSError: it cannot be read.
    """
    head = root.read(path, _HEAD)
    if not head.startswith(b"#!"):
        return None
    words = os.fsdecode(head[2:].partition(b"\n")[0]).split()
    if not words:
        return None
    if posixpath.basename(words[0]) != "env":
        return words[0]
    # -S and other options, and assignments, stand before the program
    rest = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return (look_up(rest[0], root) or words[0]) if rest else words[0]


def look_up(name: str, root: RootFs) -> str | None:
    """A program's path as execvp(3) finds it: by PATH on this machine, by the usual folders in an image."""
    if "/" in name:
        return name
    folders = f"{os.environ.get('PATH', '')}:{_FOLDERS}" if root.is_this_machine else _FOLDERS
    for folder in folders.split(":"):
        if folder.startswith("/") and root.is_file(f"{folder}/{name}"):
            return f"{folder}/{name}"
    return None

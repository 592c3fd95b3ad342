"""Put a copy of the shim where an image wants it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from nlinkshim.errors import IncompleteError, UsageError
from nlinkshim.preload import shim_path

MODE = 0o755


def install(destination: Path, root: Path = Path("/")) -> Path:
    """Copy the installed shim to `destination`, atomically and with mode 0755.

    `destination` is a file, or an existing folder to put libnlinkshim.so into; as seen inside `root`, the
    root file system of an image. Returns the path inside `root`.

    Raises:
        UsageError: the destination is not absolute, or its folder or `root` does not exist.
        IncompleteError: it cannot be written; then nothing is left behind.
    """
    shim = shim_path()
    if not destination.is_absolute():
        raise UsageError(f"{destination}: give an absolute path, LD_PRELOAD needs one")
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; --root takes the root file system of an image")
    outside = _within(root, destination)
    if outside.is_dir():
        destination, outside = destination / shim.name, outside / shim.name
    if not outside.parent.is_dir():
        raise UsageError(
            f"{destination.parent} does not exist" + ("" if root == Path("/") else f" in {root}")
        )
    try:
        _copy(shim, outside)
    except OSError as error:
        raise IncompleteError(f"{outside}: {error.strerror}; nothing was installed") from error
    return destination


def _within(root: Path, path: Path) -> Path:
    """`path` inside `root`: its symbolic links are followed as a process in there would, never out of it."""
    real, rest, hops = root.resolve(), list(path.parts[1:]), 0
    top = real
    while rest:
        part = rest.pop(0)
        if part == "..":
            real = real if real == top else real.parent
            continue
        step = real / part
        if not step.is_symlink():
            real = step
            continue
        hops += 1
        if hops > 40:
            raise UsageError(f"{path}: too many levels of symbolic links")
        target = step.readlink()
        if target.is_absolute():
            real = top
        rest[:0] = [p for p in target.parts if p != "/"]
    return real


def _copy(source: Path, target: Path) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(source.read_bytes())
            file.flush()
            os.fchmod(descriptor, MODE)
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise

"""tests/fuse/*.go, the file system that lies because it uses go-fuse as it comes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from . import mounts, processes
from .capability import GO_FUSE_SOURCE

SOURCES = Path(__file__).parent.parent / "fuse"


def build(folder: Path) -> Path:
    """Compile the server with Debian's go-fuse, which is packaged without the /v2 of its import path."""
    parent = folder / "gopath/src/github.com/hanwen/go-fuse"
    parent.mkdir(parents=True, exist_ok=True)
    if not (parent / "v2").is_symlink():
        (parent / "v2").symlink_to(GO_FUSE_SOURCE)
    program = folder / "gofuse"
    env = os.environ | {"GO111MODULE": "off", "GOPATH": f"{folder}/gopath:/usr/share/gocode", "GOFLAGS": ""}
    processes.run(["go", "build", "-o", str(program), "."], env=env, cwd=SOURCES, timeout=300)
    return program


def command(program: Path, path: Path, **options: object) -> list[str]:
    """Keyword options are the server's flags: entry_timeout="0s", link=["name=target"] ..."""
    flags = []
    for key, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            text = str(one).lower() if isinstance(one, bool) else str(one)
            flags.append(f"--{key.replace('_', '-')}={text}")
    return [str(program), *flags, str(path)]


@contextlib.contextmanager
def mount(program: Path, path: Path, **options: object) -> Iterator[mounts.FuseMount]:
    with mounts.served(path, command(program, path, **options), says=b"ready\n") as mount:
        yield mount


def expected_content(name: str, size: int) -> bytes:
    """What the server serves in a file of this name and size."""
    line = os.fsencode(name) + b"\n"
    return (line * (size // len(line) + 1))[:size]

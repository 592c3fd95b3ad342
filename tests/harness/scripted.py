"""tests/fuse/scripted.py, FUSE daemons whose misbehaviour a test chooses."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from . import mounts

DAEMON = Path(__file__).parent.parent / "fuse" / "scripted.py"


def command(path: Path, kind: str, **options: object) -> list[str]:
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    return [sys.executable, str(DAEMON), *flags, kind, str(path)]


@contextlib.contextmanager
def mount(path: Path, kind: str, **options: object) -> Iterator[mounts.FuseMount]:
    with mounts.served(path, command(path, kind, **options)) as mount:
        yield mount

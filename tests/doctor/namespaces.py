"""Mount propagation, set and observed."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import processes

MS_PRIVATE, MS_SHARED = 1 << 18, 1 << 20


@contextlib.contextmanager
def consumer() -> Iterator[Callable[[Path], bool]]:
    """A mount namespace that receives the host's mounts, as a HostToContainer volume: does it see this?"""
    command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", "echo; exec sleep 60"]
    process = processes.start(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline()
        listing = Path(f"/proc/{process.pid}/mountinfo")
        yield lambda point: f" {point} " in listing.read_text()
    finally:
        processes.stop(process, patience=0)

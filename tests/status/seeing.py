"""A look at a process from here, without the child in between."""

from __future__ import annotations

import functools
from pathlib import Path

from harness.preload import Shim

import nlinkshim
from nlinkshim.engines.status.inspect import Installed, installed_shim, look
from nlinkshim.engines.status.result import Process


@functools.cache  # a test that gives up its rights may not read a checkout in root's home any more
def installed() -> Installed:
    return installed_shim(nlinkshim.shim_path(), nlinkshim.__version__)


def see(pid: int) -> Process:
    found = look(pid, None, installed())
    assert found is not None
    return found


def state(pid: int) -> str:
    """The state of a process as proc_pid_stat(5) has it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def is_asleep(pid: int) -> bool:
    """Whether it waits for a time to pass (clock_nanosleep), so its start is over."""
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text()


def other_build(shim: Shim) -> bytes:
    """The shim with another build id, as a linker would give another build."""
    content = bytearray(shim.path.read_bytes())
    place = content.index(b"GNU\0", content.index(b"GNU\0") + 1) + 4
    content[place] ^= 0xFF
    return bytes(content)

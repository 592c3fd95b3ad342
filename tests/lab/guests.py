"""Which machine a consumer is: User-mode Linux, or qemu's where that cannot be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path

from harness import mounts
from harness import uml as one_script
from harness.guest import Machine

from . import qemu, uml
from .network import Switch

# and how much longer all may take in it: what qemu emulates is slow, and python is many of its instructions
KINDS = {"uml": 1.0, "qemu": 4.0}


@cache
def kind() -> str:
    """NLINKSHIM_LAB_GUEST, or User-mode Linux if it is installed and boots on this processor, or qemu."""
    if given := os.environ.get("NLINKSHIM_LAB_GUEST"):
        assert given in KINDS, f"NLINKSHIM_LAB_GUEST={given}; expected one of {', '.join(KINDS)}"
        return given
    return "uml" if shutil.which(one_script.KERNEL) and _uml_boots() else "qemu"


def patience() -> float:
    """What limits of time are to be multiplied by."""
    return KINDS[kind()]


def set_clock(machine: Machine) -> None:
    """As this host's: what qemu begins with is off by seconds, and journals are put together by the time."""
    if kind() == "qemu":
        time.sleep(1 - time.time() % 1)
        machine.run(f"date -s @{time.time():.0f}")


def _uml_boots() -> bool:
    with mounts.temporary_folder("nlinkshim-uml-") as folder:
        try:
            return one_script.run("echo booted", folder, timeout=30) == ["booted"]
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            return False


def launcher(folder: Path) -> Callable[[Switch, str, str, Path], AbstractContextManager[Machine]]:
    """What launches guests, as uml.launched or qemu.launched; `folder` is for what they have in common."""
    if kind() == "qemu":
        return qemu.launched
    return partial(uml.launched, preload=one_script.build_preload(folder))

"""The machine in one line, without anything that tells whose it is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def describe() -> str:
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    libc = " ".join(platform.libc_ver())
    kernel = re.match(r"\d+\.\d+", platform.release())
    return (
        f"{model[1] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"Linux {kernel[0] if kernel else '?'}, {libc}, Python {platform.python_version()}"
    )

"""The shim's pure parts under sanitizers: properties on random input, the same each run."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.preload import bare
from harness.table import SHIM_SOURCES

pytestmark = pytest.mark.quick

PURE = [
    "config.c",
    "name.c",
    "mountinfo.c",
    "image.c",
    "scope.c",
    "counters.c",
    "known.c",
    "mounts.c",
    "kernel.c",
    "survey.c",
    "statmount.c",
    "fstype.c",
    "text.c",
]
DRIVER = [Path(__file__).parents[1] / "probe" / name for name in ("pure.c", "pure_mounts.c", "pure_images.c")]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


@pytest.fixture(scope="module")
def driver(build_folder: Path) -> Path:
    require("cc")
    program = build_folder / "pure"
    sources = [*map(str, DRIVER), *(str(SHIM_SOURCES / name) for name in PURE)]
    flags = [
        "-std=gnu11",
        "-D_GNU_SOURCE",
        "-O1",
        "-g",
        "-Wall",
        *SANITIZERS,
        f"-iquote{SHIM_SOURCES}",
        '-DNLINKSHIM_VERSION="0"',
    ]
    processes.run(["gcc", *flags, "-o", str(program), *sources, "-ldl"], timeout=120)
    return program


@pytest.mark.parametrize("seed", range(1, 5))
def test_properties(driver: Path, seed: int):
    done = processes.run([str(driver), str(seed), "15000"], env=bare(), check=False, timeout=100)
    assert (done.returncode, done.stdout) == (0, "passed\n"), done.stdout + done.stderr

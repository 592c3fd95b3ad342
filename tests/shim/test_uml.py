"""On a kernel whose vDSO is linked at a fixed address: there every program died under the shim.

NLINKSHIM_TEST_UML names another kernel than the installed one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import uml
from harness.capability import require
from harness.preload import Shim
from harness.probe import Probe, parse


@pytest.mark.timeout(180)
def test_loads_and_works(the_probe: Probe, gofuse_program: Path, folder: Path, shim: Shim):
    require("uml")
    mount = "/dev/shm/mount"
    file, movies = f"{mount}/readme.txt", f"{mount}/movies"
    words = f"stat {movies} stat {file} open {file} fstat @ statx @ fstat {movies}"
    script = f"""
env LD_PRELOAD={shim.path} NLINKSHIM_SCOPE=off /bin/true; echo "off $?"
env LD_PRELOAD={shim.path} NLINKSHIM_VERBOSE=1 /bin/true 2>&1; echo "loaded $?"
mkdir {mount}
{gofuse_program} {mount} & sleep 1
{the_probe.program} {words}
echo middle
env LD_PRELOAD={shim.path} {the_probe.program} {words}
"""
    lines = uml.run(script, folder, kernel=os.environ.get("NLINKSHIM_TEST_UML"), timeout=120)
    middle = lines.index("middle")
    assert lines[0] == "off 0"
    assert lines[1].startswith("nlinkshim ")
    assert lines[2] == "loaded 0"
    assert parse("\n".join(lines[3:middle])).nlinks == [0, 0, 0, 0, 0]
    assert parse("\n".join(lines[middle + 1 :])).nlinks == [2, 1, 1, 1, 2]

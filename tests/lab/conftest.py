"""One lab a module: what a test leaves broken there is no other module's business."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import mounts
from harness.capability import require
from harness.preload import Shim

from lab import lab as laboratory
from lab import report as reports
from lab import roots

WHOLE = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def samba_release() -> str:
    """The Samba that serves: NLINKSHIM_LAB_SAMBA, one of roots.RELEASES."""
    name = os.environ.get("NLINKSHIM_LAB_SAMBA") or "bookworm"
    assert name in roots.RELEASES, f"NLINKSHIM_LAB_SAMBA={name}; expected one of {', '.join(roots.RELEASES)}"
    return name


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest, samba_release: str) -> Iterator[reports.Report]:
    """Filled by the drills. Where all are run more than once each, and all is well, the page is written."""
    report = reports.Report(samba_release)
    yield report
    if reports.ROUNDS > 1 and not request.session.testsfailed and request.config.stash[WHOLE]:
        report.write()


@pytest.hookimpl(trylast=True)
def pytest_deselected(items: list[pytest.Item]) -> None:
    """By -k and the like: then not all drills are run."""
    for item in items:
        item.config.stash[WHOLE] = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash.setdefault(WHOLE, True)
    if reports.ROUNDS == 1:
        long = [item for item in items if item.get_closest_marker("long_drill")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, shim: Shim, samba_release: str) -> Iterator[laboratory.Lab]:
    require("lab")
    program: Path = request.getfixturevalue("gofuse_program")
    with (
        mounts.temporary_folder("nlinkshim-lab-") as folder,
        laboratory.running(folder, program, shim.path, samba_release) as lab,
    ):
        yield lab

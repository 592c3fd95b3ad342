"""Builds that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.building import build_wheel, copy_checkout
from harness.capability import require


@pytest.fixture(scope="session")
def checkout(build_folder: Path) -> Path:
    return copy_checkout(build_folder / "a checkout")


@pytest.fixture(scope="session")
def wheel(checkout: Path, build_folder: Path) -> Path:
    """Built as `pip wheel .` builds it."""
    require("cc")
    return build_wheel(checkout, build_folder / "wheels")

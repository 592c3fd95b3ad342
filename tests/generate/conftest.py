"""What `generate` writes, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlinkshim.generator import Settings, generate


@pytest.fixture(scope="session")
def mounter_script(build_folder: Path) -> Path:
    """The mounter of the plain case."""
    out = build_folder / "generated-mounter"
    generate("kubernetes", out, Settings())
    return out / "image/mounter"

"""Wheels, as pip builds them from a copy of the checkout: the tree of someone who has no git."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from . import processes
from .preload import bare

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "Makefile")
FOLDERS = ("nlinkshim", "csrc", "wheels", "tests", "bench", "docs")


def checkout_files() -> list[Path]:
    """What is in the checkout, relative to it; what was built or cached there too."""
    below = [file for name in FOLDERS for file in (ROOT / name).rglob("*") if file.is_file()]
    return [Path(name) for name in FILES] + [file.relative_to(ROOT) for file in below]


def copy_checkout(target: Path) -> Path:
    """A copy without leftovers of the checkout's, but for the caches of Python."""
    target.mkdir()
    for name in (*FILES, *FOLDERS):
        processes.run(["cp", "-r", str(ROOT / name), str(target)])
    for leftover in target.glob("nlinkshim/*.so"):
        leftover.unlink()
    return target


def pip(
    *arguments: object, python: Path | str = sys.executable, cc: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """pip, which builds for itself: its cache may hold a wheel of another compiler."""
    return processes.run(
        [str(python), "-m", "pip", "--no-cache-dir", *map(str, arguments)],
        env=bare(PIP_DISABLE_PIP_VERSION_CHECK="1", **({"CC": cc} if cc else {})),
        timeout=300,
        check=check,
    )


def build_wheel(
    source: Path, out: Path, *options: str, python: Path | str = sys.executable, cc: str | None = None
) -> Path:
    """The wheel that `pip wheel` makes of a tree or an sdist."""
    pip("wheel", "--quiet", "--no-deps", *options, "--wheel-dir", out, source, python=python, cc=cc)
    (built,) = out.glob("*.whl")
    return built

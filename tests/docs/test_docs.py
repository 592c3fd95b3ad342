"""The pages: docs/generate.md tells of every setting what the code says, and every link leads somewhere."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from nlinkshim.elf.machines import MACHINES

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "tables.py"


def test_the_tables_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_machine_is_promised_that_is_not_built() -> None:
    """By the table that audit and install read, the shim's source, the list of wheels, and the pages."""
    have = {machine.name for machine in MACHINES if machine.has_shim}
    assert have == {path.stem for path in (ROOT / "csrc/shim/machines").glob("*.h")}
    built = runpy.run_path(str(ROOT / "wheels/targets.py"))["TARGETS"]
    assert Counter(target.machine for target in built) == Counter([*have, *have])
    for name in ("README.md", "docs/limits.md", "docs/audit.md"):
        page = " ".join((ROOT / name).read_text().split())
        assert "x86-64, aarch64, riscv64, ppc64le, s390x, armv7l and i686" in page


def test_every_link_leads_to_a_file() -> None:
    """Of the pages, and what the package says of them: in help texts, schemas and generated files."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("wheels/*.md"), *ROOT.glob("bench/*.md")]
    links = [
        (page, page.parent / link)
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    ]
    sources = [path for path in ROOT.glob("nlinkshim/**/*") if path.suffix in (".py", ".json", ".j2", ".sh")]
    mentions = [
        (source, ROOT / "docs" / name)
        for source in sources
        for name in re.findall(r"\b(?:docs/|nlinkshim help )([\w-]+\.md)\b", source.read_text())
    ]
    assert len(links) > 10
    assert len(mentions) > 2
    assert [(str(page), str(file)) for page, file in links + mentions if not file.exists()] == []

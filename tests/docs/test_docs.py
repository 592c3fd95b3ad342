"""The pages: docs/generate.md tells of every setting what the code says, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
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
    """By the table that audit and install read, the blocks of the shim's source, and the pages."""
    have = [machine.name for machine in MACHINES if machine.has_shim]
    blocks = re.findall(r"defined\(__(x86_64|\w+?)__\) &&", (ROOT / "csrc/shim/machine.h").read_text())
    assert have == blocks == ["x86_64"]
    for name in ("README.md", "docs/limits.md"):
        assert "x86-64" in (ROOT / name).read_text()
    assert "for x86_64 only" in " ".join((ROOT / "docs/audit.md").read_text().split())


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

"""The pages and schemas: their tables tell what the code says, and every link leads somewhere."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from nlinkshim.elf.machines import MACHINES
from nlinkshim.engines.audit import result as audit
from nlinkshim.engines.audit.kinds import KINDS
from nlinkshim.engines.doctor.result import Level
from nlinkshim.engines.verify.result import Verdict

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("script", ["tables.py", "api_page.py"])
def test_what_is_made_of_the_code_is_up_to_date(script: str) -> None:
    command = [sys.executable, ROOT / "docs" / script, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def enums(schema: Any, name: str) -> list[list[str]]:
    """The enums of all properties of a name."""
    if isinstance(schema, list):
        return [found for part in schema for found in enums(part, name)]
    if not isinstance(schema, dict):
        return []
    here = schema.get("properties", {}).get(name, {}).get("enum")
    return [*([] if here is None else [here]), *enums(list(schema.values()), name)]


@pytest.mark.parametrize(
    ("schema", "name", "words"),
    [
        ("audit-1", "verdict", audit.Verdict),
        ("audit-1", "severity", audit.Severity),
        ("audit-1", "id", (kind.id for kind in KINDS)),
        ("doctor-1", "level", Level),
        ("verify-1", "verdict", Verdict),
    ],
)
def test_the_schemas_have_the_words_of_the_rows(schema: str, name: str, words: Iterable[str]) -> None:
    text = (ROOT / "nlinkshim/output/schema" / f"{schema}.json").read_text()
    assert enums(json.loads(text), name) == [list(words)]


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

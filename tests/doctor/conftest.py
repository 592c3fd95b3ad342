"""doctor as a user runs it, and places whose propagation a test sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness import mounts, processes
from harness.cli import nlinkshim

Findings = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def doctor() -> Callable[..., tuple[int, Findings]]:
    """doctor(...) returns the exit code and the findings of its JSON by id, validated."""
    schema = json.loads(resources.files("nlinkshim").joinpath("output/schema/doctor-1.json").read_text())

    def run(*arguments: object, **options: Any) -> tuple[int, Findings]:
        outcome = nlinkshim("doctor", "--format", "json", *arguments, **options)
        assert outcome.out, outcome.err
        jsonschema.validate(outcome.document, schema)
        found = {finding["id"]: finding for finding in outcome.document["findings"]}
        assert len(found) == len(outcome.document["findings"])
        assert outcome.code == (1 if "FAIL" in {finding["level"] for finding in found.values()} else 0)
        return outcome.code, found

    return run


@pytest.fixture
def mend() -> Callable[[dict[str, Any]], None]:
    """mend(finding) runs the command of its remedy."""

    def run(finding: dict[str, Any]) -> None:
        processes.run(["sh", "-c", finding["command"]])

    return run


@pytest.fixture
def place(folder: Path) -> Iterator[Callable[[int], Path]]:
    """place(MS_SHARED) is a mount of its own (a folder bound to itself) that propagates so."""
    here = folder / "place"
    here.mkdir()
    with mounts.bound(here, here):

        def propagating(kind: int) -> Path:
            mounts.mount("none", here, None, kind)
            return here

        yield propagating

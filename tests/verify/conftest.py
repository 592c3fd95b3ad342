"""verify as a user runs it."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest
from harness.cli import nlinkshim


@pytest.fixture(scope="session")
def schema() -> dict:
    return json.loads(resources.files("nlinkshim").joinpath("output/schema/verify-1.json").read_text())


@pytest.fixture
def verify(schema):
    """verify(path, ...) returns the exit code and the one mount of its JSON, validated."""

    def run(*arguments: object, **options) -> tuple[int, dict]:
        outcome = nlinkshim("verify", "--format", "json", *arguments, **options)
        assert outcome.out, outcome.err
        jsonschema.validate(outcome.document, schema)
        (mount,) = outcome.document["mounts"]
        return outcome.code, mount

    return run

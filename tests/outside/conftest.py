"""verify against mounts that answer by rules: see hostile.c for the rules and told.py for what is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from harness import mounts
from harness.capability import require
from harness.cli import nlinkshim
from hostiles import Tree, compile_c, mount
from told import Told

MountHostile = Callable[..., AbstractContextManager[mounts.FuseMount]]
Look = Callable[..., Told]


@pytest.fixture(scope="session")
def hostile_program(build_folder: Path) -> Path:
    require("fuse", "cc")
    return compile_c("hostile.c", build_folder / "hostile")


@pytest.fixture
def hostile(hostile_program: Path, folder: Path) -> MountHostile:
    """hostile("RULE", ..., keep=0): a context manager; the rules and options of hostile.c."""

    def start(
        *rules: str, at: Path | None = None, tree: Tree | None = None, **options: int
    ) -> AbstractContextManager[mounts.FuseMount]:
        return mount(hostile_program, at or folder / "hostile", rules, tree or Tree(), **options)

    return start


@pytest.fixture(scope="session")
def look() -> Look:
    """look(path, ...): what verify tells of the path, asked for JSON and, unless text=False, for text too."""
    schema = json.loads(resources.files("nlinkshim").joinpath("output/schema/verify-1.json").read_text())

    def ask(path: object, *arguments: object, text: bool = True, **options: object) -> Told:
        as_json = nlinkshim("verify", "--format", "json", *arguments, path, **options)
        assert "Traceback" not in as_json.err
        assert as_json.out, f"exit {as_json.code}: {as_json.err}"
        jsonschema.validate(as_json.document, schema)
        told, *below = as_json.document["mounts"]
        assert not below or "--no-one-file-system" in arguments
        if not text:
            return Told(as_json.code, told, as_json.code, "", below)
        as_text = nlinkshim("verify", *arguments, path, **options)
        assert "Traceback" not in as_text.err
        return Told(as_json.code, told, as_text.code, as_text.out, below)

    return ask

"""Programs to be audited, and the look at them."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness import processes
from harness.capability import require
from harness.cli import nlinkshim
from harness.programs import GO_STATTING, Image, compiled


@pytest.fixture(scope="session")
def musl(shop: Path) -> Path:
    require("musl-gcc")
    return compiled(shop / "musl", compiler="musl-gcc")


@pytest.fixture(scope="session")
def go_program(shop: Path) -> Callable[..., Path]:
    """go_program("name", "-ldflags=..."): built by Go without modules."""
    require("go-compiler")

    def build(name: str, *flags: str, source: str = GO_STATTING) -> Path:
        text = shop / f"{name}.go"
        text.write_text(source)
        variables = {
            "GO111MODULE": "off",
            "GOCACHE": str(shop / "go-cache"),
            "PATH": "/usr/bin:/bin:/usr/local/bin",
        }
        command = ["go", "build", *flags, "-o", str(shop / name), str(text)]
        processes.run(command, env=variables | {"HOME": str(shop)}, timeout=300)
        return shop / name

    return build


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    return json.loads(resources.files("nlinkshim").joinpath("output/schema/audit-1.json").read_text())


@pytest.fixture
def audit(schema) -> Callable[..., tuple[int, dict[str, Any]]]:
    """audit(program, ...) runs the command: its exit code and the program's part of its JSON, found valid."""

    def run(
        program: object, *arguments: object, env: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        outcome = nlinkshim("audit", "--format", "json", *arguments, program, env=env)
        assert outcome.err == ""
        jsonschema.validate(outcome.document, schema)
        (result,) = outcome.document["programs"]
        return outcome.code, result

    return run


@pytest.fixture
def image(folder: Path) -> Image:
    """This machine's glibc in a root file system that one can enter with chroot."""
    require("cc", "root")
    image = Image(folder / "image")
    for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
        image.copy(path)
    return image

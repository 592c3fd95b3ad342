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
from making import GO_STATTING, Image, compiled


@pytest.fixture(scope="session")
def shop(build_folder: Path) -> Path:
    """A folder for programs that several tests look at and none changes."""
    folder = build_folder / "audited"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def dynamic(shop: Path) -> Path:
    require("cc")
    return compiled(shop / "dynamic")


@pytest.fixture(scope="session")
def static(shop: Path) -> Path:
    require("cc")
    return compiled(shop / "static", "-static")


@pytest.fixture(scope="session")
def musl(shop: Path) -> Path:
    require("musl-gcc")
    return compiled(shop / "musl", compiler="musl-gcc")


@pytest.fixture(scope="session")
def i686(shop: Path) -> Path:
    require("i686-gcc")
    return compiled(shop / "i686", compiler="i686-linux-gnu-gcc")


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
def aarch64_image(folder: Path) -> Image:
    """Debian's layout: /lib is a link, an absolute one to make it harder, and so is the loader's name."""
    require("aarch64-gcc")
    image = Image(folder / "aarch64")
    cross = Path("/usr/aarch64-linux-gnu/lib")
    image.copy(cross / "libc.so.6", "/usr/lib/aarch64-linux-gnu/libc.so.6")
    image.copy(cross / "ld-linux-aarch64.so.1", "/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1")
    (image / "/lib").symlink_to("/usr/lib")
    (image / "/usr/lib/ld-linux-aarch64.so.1").symlink_to("/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1")
    compiled(image / "/usr/sbin/server", compiler="aarch64-linux-gnu-gcc")
    return image


@pytest.fixture
def image(folder: Path) -> Image:
    """This machine's glibc in a root file system that one can enter with chroot."""
    require("cc", "root")
    image = Image(folder / "image")
    for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"):
        image.copy(path)
    return image

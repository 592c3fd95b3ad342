"""Who may import whom: one table, from what knows nothing of the rest up to the command line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlinkshim

pytestmark = pytest.mark.quick

PACKAGE = Path(nlinkshim.__file__).parent

# A unit is a package or a module at the top, and each engine; "" is nlinkshim itself, the API. Inside a unit
# everything may import everything; between units, only what is in a layer below.
LAYERS = (
    ("_version", "_walker", "errors", "nameless", "smbd"),
    ("arguments", "child", "elf", "guard", "output", "rootfs", "smb_names"),
    ("mounts", "shim"),
    ("engines.audit", "engines.generate", "engines.status", "engines.verify"),
    ("engines.demo", "engines.doctor", "engines.install"),
    ("", "commands"),
    ("__main__",),
)
LAYER = {unit: number for number, units in enumerate(LAYERS) for unit in units}
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in PACKAGE.rglob("*.py")
}


def unit(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] == "engines" else 1])


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """The modules of the package that a file imports, at any time, each with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if inside(name) in MODULES else str(node.module) for name in whole]
        else:
            continue
        yield from ((node.lineno, inside(name)) for name in names if name.split(".")[0] == "nlinkshim")


def inside(name: str) -> str:
    return name.removeprefix("nlinkshim").lstrip(".")


def test_the_table_has_every_unit_and_no_other() -> None:
    units = {unit(module) for module in MODULES if module != "engines"} | {"_walker"}
    assert units == set(LAYER)


@pytest.mark.parametrize("module", list(MODULES))
def test_no_import_points_upward(module: str) -> None:
    here = unit(module)
    upward = [
        f"{MODULES[module]}:{line} imports {name or 'nlinkshim'}"
        for line, name in imports(MODULES[module])
        if unit(name) != here and LAYER[unit(name)] >= LAYER[here]
    ]
    assert upward == []

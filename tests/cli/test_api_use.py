"""The Python API as its users meet it: what an import costs, the types by name, and the examples."""

from __future__ import annotations

import builtins
import doctest
import enum
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import processes
from harness.capability import require
from harness.mounts import FuseMount
from harness.preload import bare

import nlinkshim as package

FUNCTIONS = [name for name in package.__all__ if inspect.isfunction(getattr(package, name))]
CLASSES = [name for name in package.__all__ if inspect.isclass(getattr(package, name))]


def modules_of(statement: str, *flags: str) -> set[str]:
    """The modules that a statement adds to those of an interpreter."""
    home = str(Path(package.__file__).parents[1])
    program = f"import sys; sys.path.append({home!r}); before = set(sys.modules); {statement}"
    command = [sys.executable, *flags, "-c", f"{program}; print(*(set(sys.modules) - before))"]
    return set(processes.run(command, env=bare()).stdout.split())


@pytest.mark.quick
def test_an_import_loads_nothing_else() -> None:
    """Not even what a site's own start-up happens to have loaded."""
    loaded = modules_of("import nlinkshim", "-I", "-S")
    assert loaded - {"__future__"} == {"nlinkshim", "nlinkshim._version"}


@pytest.mark.quick
def test_only_generate_needs_its_templates() -> None:
    light = set(package.__all__) - {"Settings", "check_generated", "generate"}
    loaded = modules_of(f"from nlinkshim import {', '.join(light)}")
    assert {"nlinkshim.engines.verify.verify", "nlinkshim.engines.doctor.doctor"} < loaded
    assert not {module.split(".")[0] for module in loaded} & {"jinja2", "rich", "mfusepy", "tomllib", "tomli"}


def annotations() -> Iterator[tuple[str, Any, str]]:
    """Where one stands, the module that it is written in, its text: of what functions take and return, and of
    the fields and methods of what that is."""
    for name in FUNCTIONS:
        function = getattr(package, name)
        for argument, text in function.__annotations__.items():
            yield f"{name}({argument})", sys.modules[function.__module__], text
    for name in CLASSES:
        kind = getattr(package, name)
        members = {name: member for name, member in vars(kind).items() if not name.startswith("_")}
        texts = [] if issubclass(kind, enum.Enum) else list(inspect.get_annotations(kind).items())
        for member_name, member in members.items():
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(function):
                texts += [(member_name, text) for text in function.__annotations__.values()]
        module = sys.modules[kind.__module__]
        for member_name, text in texts:
            yield f"{name}.{member_name}", module, getattr(text, "__forward_arg__", text)


@pytest.mark.quick
def test_every_type_that_is_taken_or_returned_is_at_the_top() -> None:
    offered = [getattr(package, name) for name in package.__all__]
    missing = []
    for where, module, text in annotations():
        for name in re.findall(r"(?<![.\w])[A-Za-z_]\w*", text):
            if hasattr(builtins, name):
                continue
            found = getattr(module, name, None)  # None: imported for the type checker alone
            origin = getattr(found, "__module__", None)
            ours = found is None or str(origin).startswith("nlinkshim")
            if ours and not (name in package.__all__ if found is None else found in offered):
                missing.append((where, name))
    assert missing == []


@pytest.mark.quick
@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_every_one_is_told_of(name: str) -> None:
    about = inspect.getdoc(vars(package).get(name) or getattr(package, name)) or ""
    assert about
    assert not about.startswith(f"{name}(")  # what dataclass writes where there is nothing
    if name in FUNCTIONS:
        assert "Raises:\n" in about
        assert "Example:\n" in about


@pytest.fixture
def names(lying_mount: FuseMount, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the examples name, and what stands for it here."""
    monkeypatch.chdir(folder)
    standing = {"/mnt/dfs/media": "/mnt/dfs/media"}  # a setting, not looked at
    return {**standing, "/mnt/dfs": str(lying_mount.path), "/usr/local/lib": str(folder)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_does_what_it_says(name: str, names: dict[str, str]) -> None:
    if "/usr/sbin/smbd" in (text := str(getattr(package, name).__doc__)):
        require("smbd")
    pattern = "|".join(map(re.escape, names))
    text = re.sub(pattern, lambda found: names[found[0]], text)
    globs = {"nlinkshim": package, "os": os, "subprocess": subprocess}
    example = doctest.DocTestParser().get_doctest(text, globs, name, None, 0)
    assert example.examples
    said: list[str] = []
    doctest.DocTestRunner().run(example, out=said.append)
    assert said == []

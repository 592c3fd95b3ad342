"""The wheel: one for every CPython from 3.10 on, for one platform, with the shim beside the package."""

from __future__ import annotations

import doctest
import importlib.metadata
import importlib.util
import inspect
import os
import re
import sys
import textwrap
import venv
import zipfile
from pathlib import Path

import pytest
from harness import processes
from harness.preload import Shim, bare

import nlinkshim

ROOT = Path(__file__).parents[2]
SHIM = "nlinkshim/libnlinkshim.so"
WALKER = "nlinkshim/_walker.abi3.so"


@pytest.fixture(scope="module")
def archive(wheel: Path):
    with zipfile.ZipFile(wheel) as opened:
        yield opened


def test_the_tag_is_one_platform_and_every_python(wheel: Path):
    machine = os.uname().machine
    assert re.fullmatch(
        rf"nlinkshim-[^-]+-cp310-abi3-(manylinux\w+|musllinux\w+|linux)_{machine}\.whl", wheel.name
    )


def test_both_native_parts_are_in_platlib(archive: zipfile.ZipFile):
    names = archive.namelist()
    assert {SHIM, WALKER} <= set(names)
    (metadata,) = [name for name in names if name.endswith(".dist-info/WHEEL")]
    assert b"Root-Is-Purelib: false" in archive.read(metadata)


def test_the_whole_package_is_packed(archive: zipfile.ZipFile):
    wanted = {".py", ".pyi", ".typed", ".json", ".j2", ".sh"}
    files = {str(file.relative_to(ROOT)) for file in (ROOT / "nlinkshim").rglob("*") if file.suffix in wanted}
    assert len(files) > 50
    assert files <= set(archive.namelist())


def test_the_documentation_is_packed(archive: zipfile.ZipFile):
    """Pages, manual and completions, where an environment's share/ has them; nothing that could be run."""
    share = {name.split(".data/data/share/")[1] for name in archive.namelist() if ".data/" in name}
    assert {f"doc/nlinkshim/{page.name}" for page in (ROOT / "docs").glob("*.md")} < share
    assert {f"man/man1/{page.name}" for page in (ROOT / "docs/man").glob("*.1")} < share
    assert {path.split("/")[0] for path in share} == {"doc", "man", "bash-completion", "zsh", "fish"}


def test_nothing_else_is_packed(archive: zipfile.ZipFile):
    tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"nlinkshim"}
    suffixes = {Path(name).suffix for name in archive.namelist() if name.startswith("nlinkshim/")}
    assert suffixes <= {".py", ".pyi", ".so", ".typed", ".json", ".j2", ".sh"}


def test_the_shim_is_the_one_under_test(archive: zipfile.ZipFile, shim: Shim):
    """The same source gives the same bytes wherever it is built: what the tests show holds for it."""
    assert archive.read(SHIM) == shim.path.read_bytes()


@pytest.fixture(scope="module")
def python(wheel: Path, build_folder: Path) -> Path:
    """That of a virtual environment with the wheel, which borrows its dependencies from the one of the
    tests."""
    folder = build_folder / "venv-of-the-wheel"
    venv.create(folder, with_pip=False)
    python = folder / "bin/python"
    site = processes.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]
    ).stdout.strip()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, str(wheel)]
    processes.run(install, env=bare(), timeout=120)
    borrowed = Path(importlib.util.find_spec("cffi").origin).parents[1]
    (Path(site) / "borrowed.pth").write_text(f"{borrowed}\n")
    return python


def test_installed_outside_the_checkout(python: Path, folder: Path):
    program = (
        "import importlib.metadata, nlinkshim, nlinkshim._walker; "
        "print(importlib.metadata.version('nlinkshim'), nlinkshim.__version__, nlinkshim.shim_path())"
    )
    packed, version, path = processes.run(
        [str(python), "-I", "-c", program], env=bare(), cwd=folder
    ).stdout.split()
    assert packed == version == importlib.metadata.version("nlinkshim")
    assert Path(path).is_relative_to(python.parents[1])
    assert Path(path).match(f"site-packages/{SHIM}")
    page = processes.run([str(python), "-I", "-m", "nlinkshim", "help", "limits"], env=bare(), cwd=folder)
    assert page.stdout == (ROOT / "docs/limits.md").read_text()


def users_script() -> str:
    """All examples of the documentation, and each type by its name."""
    functions = [name for name in nlinkshim.__all__ if inspect.isfunction(getattr(nlinkshim, name))]
    lines = ["import os", "import subprocess", "", "import nlinkshim", ""]
    for name in functions:
        lines.append(f"def use_{name}() -> None:")
        for example in doctest.DocTestParser().get_examples(str(getattr(nlinkshim, name).__doc__)):
            lines += textwrap.indent(example.source, "    ").splitlines()
    for name in sorted(set(nlinkshim.__all__) - {*functions, "__version__"}):
        lines.append(f"def take_{name}(value: nlinkshim.{name}) -> None: ...")
    wrong = {"verify(5)": "arg-type", "audit('smbd', '/')": "call-arg", "status(name=b'smbd')": "arg-type"}
    calls = [f"nlinkshim.{call}  # type: ignore[{code}]" for call, code in wrong.items()]
    return "\n".join([*lines, *calls, ""])


def test_a_users_script_is_typed(python: Path, folder: Path):
    """By what is installed alone; a call that is not right is told, or its comment would be too much."""
    script = folder / "script.py"
    script.write_text(users_script())
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), str(script)]
    done = processes.run(command, env=bare(), cwd=folder, check=False)
    assert done.stdout == "Success: no issues found in 1 source file\n"

"""The source distribution: what a machine gets for which there is no wheel, built with its own compiler."""

from __future__ import annotations

import os
import re
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from harness import processes
from harness.building import ROOT, build_wheel, checkout_files, copy_checkout, pip
from harness.capability import require
from harness.mounts import FuseMount
from harness.preload import Shim, bare

SHIM = "nlinkshim/libnlinkshim.so"
WRITTEN_BY_SETUPTOOLS = re.compile(r"PKG-INFO|setup\.cfg|nlinkshim\.egg-info/.*")
# what stands in a checkout that was worked in
LEFTOVERS = (
    ".venv/lib/module.py",
    ".git/config",
    "build/lib/nlinkshim/__init__.py",
    "csrc/shim/shim.o",
    "nlinkshim/libnlinkshim.so",
    "nlinkshim/_walker.abi3.so",
    "nlinkshim/__pycache__/errors.cpython-310.pyc",
    "nlinkshim/output/schema/.verify-1.json.swp",
    "tests/.pytest_cache/README.md",
    "tests/.hypothesis/examples/1",
)


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def compiler_script(folder: Path, name: str, script: str) -> str:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


@pytest.fixture(scope="module")
def sdist(build_folder: Path) -> Path:
    source = copy_checkout(build_folder / "a used checkout")
    for name in LEFTOVERS:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("left over\n")
    out = build_folder / "sdist"
    command = [sys.executable, "-m", "build", "--sdist", "--outdir", str(out), str(source)]
    processes.run(command, env=bare(), timeout=300)
    (built,) = out.glob("nlinkshim-*.tar.gz")
    return built


@pytest.fixture(scope="module", params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> str:
    require({"gcc": "cc", "clang": "clang"}[request.param])
    return request.param


@pytest.fixture(scope="module")
def python(compiler: str, build_folder: Path) -> Path:
    """That of a new virtual environment."""
    folder = build_folder / f"venv-{compiler}"
    venv.create(folder, with_pip=True)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def building(sdist: Path, python: Path, compiler: str, build_folder: Path) -> tuple[Path, str]:
    """The wheel that each compiler makes of the sdist, and what was said on the way."""
    out = build_folder / f"by {compiler}"
    done = pip("wheel", "--verbose", "--no-deps", "--wheel-dir", out, sdist, python=python, cc=compiler)
    (wheel,) = out.glob("*.whl")
    return wheel, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(building: tuple[Path, str]) -> Path:
    return building[0]


@pytest.fixture(scope="module")
def built_shim(built: Path, build_folder: Path, compiler: str) -> Path:
    with zipfile.ZipFile(built) as archive:
        return Path(archive.extract(SHIM, build_folder / f"shim-by-{compiler}"))


def test_it_is_the_checkout_and_nothing_else(sdist: Path):
    used = re.compile(r"(^|/)(\.[^/]+|__pycache__)(/|$)|\.so$")
    tracked = {str(file) for file in checkout_files() if not used.search(str(file))}
    assert len(tracked) > 200
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if not member.isdir()}
    assert {name for name in names if not WRITTEN_BY_SETUPTOOLS.fullmatch(name)} == tracked


def test_a_wheel_of_it_holds_what_one_of_the_checkout_does(built: Path, wheel: Path):
    assert contents(built) == contents(wheel)
    assert built.name == wheel.name


def test_no_compiler_complains(building: tuple[Path, str]):
    assert re.findall(r".*\[-W.*", building[1]) == []


def test_every_compiler_makes_the_same_kind_of_file(built_shim: Path):
    """All that holds for the shim under test."""
    require("readelf")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/shim/test_binary.py"]
    processes.run(command, env=bare(NLINKSHIM_TEST_SHIM=str(built_shim)), cwd=ROOT, timeout=110)


def test_no_compiler_adds_what_must_be_relocated(built_shim: Path, shim: Shim):
    """IFUNC resolvers call stat before relocation: a table of pointers (of a switch, say) is none yet."""
    require("readelf")

    def relocations(path: Path) -> list[str]:
        return sorted(re.findall(r"\bR_\w+", processes.run(["readelf", "-rW", str(path)]).stdout))

    assert relocations(built_shim) == relocations(shim.path)


def test_no_compiler_drops_the_mark_of_cet(built_shim: Path):
    require("readelf")
    if os.uname().machine == "x86_64":
        notes = processes.run(["readelf", "-nW", str(built_shim)]).stdout
        assert "x86 feature: IBT, SHSTK" in notes


def test_verify_works_where_it_was_installed(built: Path, python: Path, lying_mount: FuseMount):
    pip("install", "--quiet", built, python=python)
    command = [str(python.with_name("nlinkshim")), "verify", str(lying_mount.path)]
    done = processes.run(command, env=bare(), cwd=python.parent)
    assert "\nneeded " in done.stdout
    assert "corrects every one" in done.stdout


def test_a_new_compilers_warnings_stop_no_build(sdist: Path, folder: Path):
    require("cc")
    cc = compiler_script(folder, "newer", 'exec gcc "$@" -Wc++-compat')
    done = pip("wheel", "--verbose", "--no-deps", "--wheel-dir", folder / "out", sdist, cc=cc)
    assert "[-Wc++-compat]" in done.stdout + done.stderr
    assert list((folder / "out").glob("*.whl"))


def test_an_older_compiler_does(sdist: Path, folder: Path):
    """One that ends at the flags which gcc 8 and clang 10 brought."""
    require("cc")
    refuse = 'case "$*" in *-ffile-prefix-map*|*-fcf-protection*) exit 1; esac; exec gcc "$@"'
    assert build_wheel(sdist, folder / "out", cc=compiler_script(folder, "older", refuse))


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_cc_is_none(sdist: Path, folder: Path, blank: str, monkeypatch: pytest.MonkeyPatch):
    """As `ARG CC` of a Containerfile leaves it."""
    require("cc")
    monkeypatch.setenv("CC", blank)
    assert build_wheel(sdist, folder / "out")


NO_HEADERS = 'exec gcc -nostdinc "$@"'
NO_PYTHON = """
for word do
    shift
    case $word in -I*/python3*) ;; *) set -- "$@" "$word" ;; esac
done
exec gcc "$@"
"""


@pytest.mark.parametrize(
    ("cc", "script", "said"),
    [
        ("none -O3", None, "a C compiler is missing: none is not installed (Debian: apt-get install gcc "),
        ("gcc '", None, "CC=gcc ' is no command"),
        ("bare", NO_HEADERS, "sys/stat.h, linux/stat.h (Debian: apt-get install libc6-dev linux-libc-dev)"),
        ("no-python", NO_PYTHON, "headers are missing: Python.h (Debian: apt-get install python3-dev)"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    sdist: Path, folder: Path, cc: str, script: str | None, said: str
):
    require("cc")
    given = compiler_script(folder, cc, script) if script else cc
    done = pip("wheel", "--no-deps", "--wheel-dir", folder / "out", sdist, cc=given, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == 1
    assert said in text
    assert "[1 lines of output]" in text
    assert "Traceback" not in text


def test_a_read_only_tree_is_left_alone(checkout: Path, wheel: Path, folder: Path):
    """As a bind mount in an image build."""
    require("root", "cc")
    out = folder / "out"
    out.mkdir()
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out)]
    read_only = ["unshare", "-m", "sh", "-c", script, "sh", str(checkout)]
    processes.run([*read_only, *command, str(checkout)], env=bare(), timeout=300)
    (built,) = out.glob("*.whl")
    assert contents(built) == contents(wheel)


def test_it_needs_no_isolation_and_can_be_edited(folder: Path):
    require("cc")
    source = copy_checkout(folder / "editable")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    pip("install", "--quiet", "setuptools>=77", "cffi>=1.17", python=python)
    options = ["--quiet", "--no-deps", "--no-build-isolation"]
    pip("install", *options, "--editable", source, python=python)
    path = processes.run([str(python), "-m", "nlinkshim", "path"], env=bare(), cwd=folder).stdout
    assert path == f"{source / SHIM}\n"
    assert build_wheel(source, folder / "out", *options, python=python)

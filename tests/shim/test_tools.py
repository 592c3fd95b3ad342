"""Ordinary programs over the lying tree: they see all of it, whichever count a directory gets."""

from __future__ import annotations

import filecmp
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.preload import Shim, bare

pytestmark = pytest.mark.parametrize("dir_nlink", [1, 2])


@pytest.fixture(scope="module")
def everything(lying_mount) -> set[str]:
    """Every path below the mount, by readdir alone."""
    found: set[str] = set()
    todo = [""]
    while todo:
        folder = todo.pop()
        with os.scandir(lying_mount / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}".lstrip("/")
                found.add(path)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(path)
    assert len(found) > 25
    return found


@pytest.fixture
def run(lying_mount, shim: Shim, dir_nlink: int) -> Callable[..., str]:
    """Run a program in the root of the lying mount, under the shim."""

    def start(*command: str) -> str:
        require_of = {"perl": "perl", "rsync": "rsync", "tar": "tar"}
        if command[0] in require_of:
            require(require_of[command[0]])
        done = processes.run(list(command), env=shim(dir_nlink=dir_nlink), cwd=lying_mount.path)
        assert done.stderr == ""
        return done.stdout

    return start


def relative(lines: str) -> set[str]:
    return {line.removeprefix("./").rstrip("/") for line in lines.splitlines()} - {".", ""}


@pytest.mark.parametrize(
    "options", [[], ["-depth"], ["-follow"], ["-mindepth", "0"], ["-xdev"]], ids=" ".join
)
def test_find(options: list[str], run, everything, links_target):
    seen = relative(run("find", ".", *options))
    assert seen >= everything
    if options != ["-follow"]:
        assert seen == everything


def test_find_by_links(run, everything, lying_mount):
    raw = processes.run(["find", ".", "-mindepth", "1", "-links", "0"], env=bare(), cwd=lying_mount.path)
    assert relative(raw.stdout) == everything
    assert run("find", ".", "-links", "0") == ""
    assert relative(run("find", ".", "-links", "+0")) == everything


def test_perl_file_find(run, everything):
    assert (
        relative(
            run("perl", "-MFile::Find", "-e", "find({wanted => sub { print qq($File::Find::name\\n) }}, '.')")
        )
        == everything
    )


def test_python_os_walk(run, everything):
    program = (
        "import os\n"
        "for folder, folders, files in os.walk('.'):\n"
        "    for path in (os.path.join(folder, name) for name in folders + files):\n"
        "        print(path)\n"
        "        assert os.lstat(path).st_nlink > 0\n"
    )
    assert relative(run("python3", "-c", program)) == everything


def test_ls(run, everything, dir_nlink):
    lines = run("ls", "-lAR").splitlines()
    entries = [line.split() for line in lines if line[:2] in ("d-", "dr", "-r", "lr")]
    assert len(entries) == len(everything)
    assert {(line[0][0], line[1]) for line in entries} == {("d", str(dir_nlink)), ("-", "1"), ("l", "1")}


def test_du(run, everything):
    assert relative("\n".join(line.split("\t")[1] for line in run("du", "-a").splitlines())) == everything
    assert (
        relative("\n".join(line.split("\t")[1] for line in run("du", "-ab", "--apparent-size").splitlines()))
        == everything
    )


def assert_copied(source: Path, copy: Path, everything: set[str]) -> None:
    assert {str(path.relative_to(copy)) for path in copy.rglob("*")} == everything
    for path in everything:
        original, copied = source / path, copy / path
        if original.is_symlink():
            assert copied.readlink() == original.readlink()
        elif original.is_file():
            assert filecmp.cmp(original, copied, shallow=False)
            assert copied.stat().st_nlink == 1, "files were taken for hard links of each other"
            assert copied.stat().st_mtime == original.stat().st_mtime


def test_tar(run, everything, lying_mount, folder: Path):
    run("tar", "-cf", str(folder / "archive"), ".")
    listed = subprocess.run(
        ["tar", "-tf", folder / "archive", "--quoting-style=literal"], capture_output=True, check=True
    )
    assert relative(os.fsdecode(listed.stdout)) == everything
    (folder / "out").mkdir()
    processes.run(["tar", "-xf", str(folder / "archive"), "-C", str(folder / "out")])
    assert_copied(lying_mount.path, folder / "out", everything)


def test_rsync(run, everything, lying_mount, folder: Path):
    run("rsync", "-aH", "./", f"{folder}/copy/")
    assert_copied(lying_mount.path, folder / "copy", everything)


def test_cp(run, everything, lying_mount, folder: Path):
    run("cp", "-a", ".", f"{folder}/copy")
    assert_copied(lying_mount.path, folder / "copy", everything)

"""install as the step of an image build: it refuses what could not work, and leaves nothing half done."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require
from harness.cli import nlinkshim, one_clear_line
from harness.preload import bare
from harness.programs import compiled, give_capabilities

from nlinkshim.engines.install import install as installer
from nlinkshim.errors import ExitCode, IncompleteError, NlinkshimError, NotLoadedError
from nlinkshim.shim.preload import shim_path

MS_RDONLY, MS_REMOUNT, MS_NOEXEC = 1, 32, 8


@pytest.fixture
def place(folder: Path) -> Path:
    """A folder to install into, empty."""
    path = folder / "place"
    path.mkdir()
    return path


def refused(place: Path, *arguments: object, code: int = 1) -> str:
    """Install there, see it refused and nothing left: the complaint."""
    outcome = nlinkshim("install", place / "shim.so", *arguments)
    assert outcome.code == code, outcome.err
    assert one_clear_line(outcome)
    assert list(place.iterdir()) == []
    return outcome.err


def test_for_smbd(place):
    """The copy is the shim, and the line that is printed makes smbd's loader take it."""
    require("smbd")
    outcome = nlinkshim("install", place / "shim.so", "--for", "/usr/sbin/smbd")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"LD_PRELOAD={place}/shim.so\n", "")
    assert (place / "shim.so").read_bytes() == shim_path().read_bytes()
    assert stat.S_IMODE((place / "shim.so").stat().st_mode) == 0o755
    name, _, value = outcome.out.strip().partition("=")
    told = processes.run(["/usr/sbin/smbd", "--version"], env=bare(**{name: value, "NLINKSHIM_VERBOSE": "1"}))
    assert "nlinkshim" in told.stderr
    assert "cannot be preloaded" not in told.stderr


def test_not_for_a_static_program(place, static):
    assert "statically linked" in refused(place, "--for", static)


def test_not_for_a_program_with_file_capabilities(place, dynamic, folder):
    require("root", "setcap")
    copy = folder / "copy"
    shutil.copy(dynamic, copy)
    give_capabilities(copy)
    assert "capabilities" in refused(place, "--for", copy)


def test_not_for_another_class(place, i686):
    said = refused(place, "--for", i686)
    assert "it is for i686, and the shim at hand" in said
    assert "_i686.whl" in said


def test_not_for_another_machine(aarch64_image):
    place = aarch64_image / "/usr/lib/nlinkshim/shim.so"
    outcome = nlinkshim(
        "install", "/usr/lib/nlinkshim/shim.so", "--root", aarch64_image.top, "--for", "/usr/sbin/server"
    )
    assert outcome.code == 1
    assert one_clear_line(outcome)
    assert "it is for aarch64, and the shim at hand" in outcome.err
    assert "_aarch64.whl" in outcome.err
    assert list(place.parent.iterdir()) == []


def test_not_for_what_does_not_exist(place):
    refused(place, "--for", "/no/such/program", code=2)


def test_partly_reachable_is_told_and_done(place, folder):
    require("cc")
    program = compiled(folder / "program", f"-Wl,--dynamic-linker={shutil.which('true')}")
    outcome = nlinkshim("install", place, "--for", program)
    assert (outcome.code, outcome.out) == (0, f"LD_PRELOAD={place}/libnlinkshim.so\n")
    assert "loader" in outcome.err


@pytest.mark.parametrize("name", ["x86_64", "amd64"])
def test_this_machine_by_name(place, name):
    assert nlinkshim("install", place, "--machine", name).code == 0


def test_another_machine_by_name(place):
    assert "out of the wheel nlinkshim-" in refused(place, "--machine", "arm64")


def test_a_machine_without_a_shim(place):
    said = refused(place, "--machine", "loongarch64")
    assert "there is no shim for loongarch64, only for x86_64, i686, aarch64, " in said


def test_a_machine_that_is_none(place):
    assert "there are shims for x86_64, i686, aarch64, " in refused(place, "--machine", "pdp11", code=2)


def test_a_dry_run_writes_nothing(place, dynamic):
    outcome = nlinkshim("install", place, "--for", dynamic, "--dry-run")
    assert (outcome.code, outcome.out) == (0, f"LD_PRELOAD={place}/libnlinkshim.so\n")
    assert "nothing was written" in outcome.err
    assert list(place.iterdir()) == []


def test_a_dry_run_refuses_too(place, static):
    refused(place, "--for", static, "--dry-run")


@pytest.mark.parametrize("name", ["with space.so", "with\ttab.so", "with:colon.so", "with$dollar.so"])
def test_names_that_ld_preload_cannot_hold(place, name):
    """In an image too, where no process is there to tell."""
    outcome = nlinkshim("install", f"/{name}", "--root", place)
    assert outcome.code == 2
    assert one_clear_line(outcome)
    assert list(place.iterdir()) == []


@pytest.fixture
def tmpfs(place: Path) -> Iterator[Path]:
    require("root")
    with mounts.mounted("tmpfs", place, "tmpfs", data="size=16k"):
        yield place


def test_a_full_disk(tmpfs):
    assert "No space left" in refused(tmpfs, code=3)


def test_what_was_there_survives_a_full_disk(tmpfs):
    (tmpfs / "shim.so").write_text("before")
    assert nlinkshim("install", tmpfs / "shim.so").code == 3
    assert [(path.name, path.read_text()) for path in tmpfs.iterdir()] == [("shim.so", "before")]


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_a_mount_for_reading_only(tmpfs, arguments):
    mounts.mount("tmpfs", tmpfs, "tmpfs", MS_REMOUNT | MS_RDONLY)
    said = refused(tmpfs, *arguments, code=3)
    assert "Read-only" in said or "cannot be written" in said


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_a_mount_from_which_nothing_is_executed(place, arguments):
    require("root")
    with mounts.mounted("tmpfs", place, "tmpfs", MS_NOEXEC):
        assert "noexec" in refused(place, *arguments)


def test_an_image_on_a_mount_from_which_nothing_is_executed(place):
    """What it is mounted with while it is built is not what it will run with."""
    require("root")
    with mounts.mounted("tmpfs", place, "tmpfs", MS_NOEXEC):
        assert nlinkshim("install", "/shim.so", "--root", place).code == 0
        assert [path.name for path in place.iterdir()] == ["shim.so"]


def test_a_copy_that_reads_back_otherwise(place, monkeypatch):
    def spoil(descriptor: int) -> None:
        os.ftruncate(descriptor, 100)

    monkeypatch.setattr(installer.os, "fsync", spoil)
    with pytest.raises(IncompleteError, match="reads back otherwise"):
        installer.install(place / "shim.so")
    assert list(place.iterdir()) == []


def test_a_copy_that_the_loader_does_not_take(place, folder, monkeypatch):
    """What passes for the shim and is none of this version."""
    require("cc")
    other = compiled(folder / "other.so", "-shared", "-fPIC", source="int nlinkshim_state;")
    monkeypatch.setattr(installer, "shim_path", lambda: other)
    with pytest.raises(NotLoadedError) as caught:
        installer.install(place / "shim.so")
    assert isinstance(caught.value, NlinkshimError)
    assert caught.value.exit_code == ExitCode.NOT_LOADED
    assert list(place.iterdir()) == []

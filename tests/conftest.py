"""Fixtures that stand on real parts: see harness/ for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from harness import building, gofuse, guest, mounts, probe, processes, samba, scripted
from harness.capability import require
from harness.preload import Shim
from harness.programs import Image, compiled

MountGofuse = Callable[..., AbstractContextManager[mounts.FuseMount]]


@pytest.fixture(scope="session")
def build_folder() -> Iterator[Path]:
    with mounts.temporary_folder("nlinkshim-build-") as folder:
        yield folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder on the disk; what is mounted in it goes with it."""
    with mounts.temporary_folder() as path:
        yield path


@pytest.fixture(scope="session")
def checkout(build_folder: Path) -> Path:
    return building.copy_checkout(build_folder / "a checkout")


@pytest.fixture(scope="session")
def wheel(checkout: Path, build_folder: Path) -> Path:
    """Built as `pip wheel .` builds it."""
    require("cc")
    return building.build_wheel(checkout, build_folder / "wheels")


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """tell("..."): print a figure that was measured, in a passing test too."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}")

    return tell


@pytest.fixture(scope="module")
def machine() -> Iterator[guest.Machine]:
    """An emulated machine with the kernel's SMB client."""
    require("guest")
    with guest.boot() as machine:
        yield machine


@pytest.fixture(scope="session")
def shim() -> Shim:
    """The installed shim, or the build of it that NLINKSHIM_TEST_SHIM names.

    shim() is the environment of a process that runs under it.
    """
    if build := os.environ.get("NLINKSHIM_TEST_SHIM"):
        return Shim(Path(build))
    import nlinkshim

    path = nlinkshim.shim_path()
    assert path.is_file(), f"{path} is missing: is the package installed?"
    return Shim(path)


@pytest.fixture(scope="session")
def glibc_probes(build_folder: Path) -> dict[str, probe.Probe]:
    require("cc")
    return probe.build("gcc", build_folder / "glibc")


@pytest.fixture(scope="session")
def musl_probes(build_folder: Path) -> dict[str, probe.Probe]:
    require("musl-gcc")
    return probe.build("musl-gcc", build_folder / "musl")


@pytest.fixture(scope="session")
def the_probe(glibc_probes: dict[str, probe.Probe]) -> probe.Probe:
    return glibc_probes["program"]


@pytest.fixture(scope="session", params=["statmount", "mountinfo"])
def each_table(request: pytest.FixtureRequest, the_probe: probe.Probe) -> probe.Probe:
    """The probe where the kernel itself may tell of mounts (Linux 6.8), and where a filter denies that."""
    return the_probe if request.param == "statmount" else probe.Probe(the_probe.program, probe.MOUNTINFO_ONLY)


@pytest.fixture(scope="session")
def musl_probe(musl_probes: dict[str, probe.Probe]) -> probe.Probe:
    return musl_probes["program"]


@pytest.fixture(scope="session", params=["glibc", "musl"])
def each_probe(request: pytest.FixtureRequest) -> probe.Probe:
    """The probe as a program, once for each C library."""
    return request.getfixturevalue(f"{request.param}_probes")["program"]


@pytest.fixture(scope="session")
def gofuse_program(build_folder: Path) -> Path:
    require("go")
    return gofuse.build(build_folder)


@pytest.fixture
def mount_gofuse(gofuse_program: Path, folder: Path) -> MountGofuse:
    """mount_gofuse("name", nlink="honest", ...): a context manager; the flags of tests/fuse/main.go."""

    def mount(name: str | Path = "gofuse", /, **options: object) -> AbstractContextManager[mounts.FuseMount]:
        return gofuse.mount(gofuse_program, folder / name, **options)

    return mount


@pytest.fixture
def mount_scripted(folder: Path) -> MountGofuse:
    """mount_scripted("kind", ...): a context manager; the kinds and flags of tests/fuse/scripted.py."""
    require("mfusepy")

    def mount(
        kind: str, name: str = "scripted", **options: object
    ) -> AbstractContextManager[mounts.FuseMount]:
        return scripted.mount(folder / name, kind, **options)

    return mount


@pytest.fixture(scope="session")
def links_target(build_folder: Path) -> Path:
    """A file on the disk, alone in its folder: where the links to-disk of the two mounts below lead."""
    target = build_folder / "on-disk" / "honest"
    target.parent.mkdir()
    target.write_text("an honest file\n")
    return target


def _session_mount(
    program: Path, build_folder: Path, target: Path, name: str, nlink: str
) -> Iterator[mounts.FuseMount]:
    links = [f"to-disk={target}", f"to-folder-on-disk={target.parent}"]
    with gofuse.mount(program, build_folder / name, nlink=nlink, link=links) as mount:
        yield mount


@pytest.fixture(scope="session")
def lying_mount(gofuse_program: Path, build_folder: Path, links_target: Path) -> Iterator[mounts.FuseMount]:
    """The media library on go-fuse with Nlink never set. Shared by all tests: do not change it."""
    yield from _session_mount(gofuse_program, build_folder, links_target, "lying", "0")


@pytest.fixture(scope="session")
def honest_mount(gofuse_program: Path, build_folder: Path, links_target: Path) -> Iterator[mounts.FuseMount]:
    """The same tree with true counts. Shared by all tests: do not change it."""
    yield from _session_mount(gofuse_program, build_folder, links_target, "honest", "honest")


@pytest.fixture
def serve_smb(folder: Path) -> Callable[..., AbstractContextManager[samba.Server]]:
    """serve_smb({"name": Share(path)}, env=shim()): a context manager around a private smbd."""
    require("smbd", "smbclient", "root")
    return partial(samba.serve, folder / "smbd")


@pytest.fixture(scope="session")
def compile_c(build_folder: Path) -> Callable[..., Path]:
    """compile_c("name", source text or file, *flags): a program or library in C."""
    require("cc")

    def build(name: str, source: str | Path, *flags: str) -> Path:
        out = build_folder / name
        if isinstance(source, str):
            text, source = source, build_folder / f"{name}.c"
            source.write_text(text)
        processes.run(["gcc", "-O1", "-Wall", "-Werror", str(source), "-o", str(out), *flags])
        return out

    return build


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
def i686(shop: Path) -> Path:
    require("i686-gcc")
    return compiled(shop / "i686", compiler="i686-linux-gnu-gcc")


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test may hang the run: a stuck FUSE request would otherwise do so for ever."""
    if os.environ.get("NLINKSHIM_NO_TIMEOUT") == "1":
        return
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120))

"""Every name that a POSIX folder may hold, through the share, on each Samba: read, and written."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

import pytest
from harness import gofuse, guest
from harness.clients import connected
from harness.kernel_client import mounted
from harness.names import NAMES, on_the_wire, seen
from harness.releases import SUITES
from smbprotocol.exceptions import NoMoreFiles
from smbprotocol.file_info import FileInformationClass
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    DirectoryAccessMask,
    FileAttributes,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
)
from smbprotocol.tree import TreeConnect

from nlinkshim.engines.generate.cifs import mount_options

pytestmark = pytest.mark.timeout(300)

# a file of go-fuse holds its own name, and a line end
FILES = [f"{name}={len(name.encode()) + 1}" for name in NAMES]
# each file of a folder, and its first line
READ = """
    cd /mnt/dfs
    for name in * .*; do
        [ ! -d "./$name" ] && IFS= read -r line <"./$name" && printf '%s\\0%s\\0' "$name" "$line"
    done
    true
"""
# each file in a folder of a folder
LIST = "cd /mnt/dfs/empty && find . -mindepth 2 -type f -print0"


def pairs(output: str) -> list[tuple[str, str]]:
    texts = output.split("\0")[:-1]
    return sorted(zip(texts[::2], texts[1::2], strict=True))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("version", list(SUITES))
def test_the_kernels_client_opens_each(
    version: str, every_release, release_dfs, machine: guest.Machine, tell
) -> None:
    with release_dfs(file=FILES), every_release(version).serving() as server, mounted(machine, server):
        read = pairs(machine.run(READ, timeout=120).output)
    expected = {(seen(name), name.split("\n")[0]) for name in NAMES}
    expected |= {("readme.txt", "readme.txt"), ("to-readme", "readme.txt")}
    assert (expected - {*read}, {*read} - expected) == (set(), set())
    tell(f"Samba {version}: a kernel client opened {len(NAMES)} names")


@pytest.mark.parametrize("version", list(SUITES))
def test_folders_and_what_a_client_writes(
    version: str, every_release, release_dfs, machine: guest.Machine
) -> None:
    """A folder of each name, and a file of that name in it: made behind smbd, then by the client."""
    words = [f"./{shlex.quote(seen(name))}" for name in NAMES]
    folders = " ".join(words)
    files = "\n".join(f": >>{word}/{word}" for word in words)
    with (
        release_dfs(owner=1000) as mount,
        every_release(version, writable=True).serving() as server,
        mounted(machine, server),
    ):
        for name in NAMES:
            (mount / "empty" / name).mkdir()
            (mount / "empty" / name / name).touch()
        listed = machine.run(LIST, timeout=120).output.split("\0")[:-1]
        expected = {f"./{seen(name)}/{seen(name)}" for name in NAMES}
        assert (expected - {*listed}, {*listed} - expected) == (set(), set())

        machine.run(f"set -e; mkdir /mnt/dfs/made; cd /mnt/dfs/made; mkdir {folders}\n{files}", timeout=120)
        made = mount / "made"
        assert names_in(made) == sorted(NAMES)
        assert [name for name in NAMES if names_in(made / name) != [name]] == []
        machine.run(f"cd /mnt/dfs/made && rm -r {folders}", timeout=120)
        assert names_in(made) == []


def opened(tree: TreeConnect, name: str, *, folder: bool = False) -> Open:
    file = Open(tree, name)
    file.create(
        ImpersonationLevel.Impersonation,
        DirectoryAccessMask.FILE_LIST_DIRECTORY if folder else FilePipePrinterAccessMask.FILE_READ_DATA,
        FileAttributes.FILE_ATTRIBUTE_NORMAL,
        ShareAccess.FILE_SHARE_READ,
        CreateDisposition.FILE_OPEN,
        CreateOptions.FILE_DIRECTORY_FILE if folder else CreateOptions.FILE_NON_DIRECTORY_FILE,
    )
    return file


def listing(tree: TreeConnect, name: str) -> list[str]:
    folder = opened(tree, name, folder=True)
    names: list[str] = []
    with contextlib.suppress(NoMoreFiles):
        while True:
            entries = folder.query_directory("*", FileInformationClass.FILE_NAMES_INFORMATION)
            names += [entry["file_name"].get_value().decode("utf-16-le") for entry in entries]
    folder.close()
    return names


@pytest.mark.parametrize("version", list(SUITES))
def test_another_client_sees_and_opens_each(version: str, every_release, release_dfs) -> None:
    """One that takes names as SMB carries them: dots and spaces are themselves there."""
    with (
        release_dfs(file=FILES),
        every_release(version).serving() as server,
        connected(server.port) as tree,
    ):
        listed = listing(tree, "dfs")
        assert {".", "..", *map(on_the_wire, NAMES)} <= {*listed}
        assert len({*listed}) == len(listed)
        for name in NAMES:
            file = opened(tree, f"dfs\\{on_the_wire(name)}")
            content = gofuse.expected_content(name, len(name.encode()) + 1)
            assert file.read(0, len(content)) == content
            file.close()


def test_names_are_asked_for_as_utf8(every_release) -> None:
    """The default of a kernel may be another, which knows a part of Unicode."""
    options = [option.text for option in mount_options(every_release("4.17").model)]
    assert "iocharset=utf8" in options

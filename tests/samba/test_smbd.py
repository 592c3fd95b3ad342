"""The reason for it all: smbd on a lying mount, refused without the shim and served with it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from harness import gofuse, mounts
from harness.capability import require
from harness.preload import Shim
from harness.samba import Server, Share

FILM = ("movies/film one.mkv", 3145735)
LISTED = re.compile(r"^  (.+?) +([A-Z]*) +(\d+)  \w{3} \w{3} ", re.MULTILINE)


def listing(server: Server, share: str, folder: str = "") -> dict[str, tuple[bool, int]]:
    """What a folder of the share shows: name -> (is it a folder, size)."""
    done = server.client(share, f'ls "{folder}\\*"')
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: ("D" in flags, int(size)) for name, flags, size in LISTED.findall(done.stdout)}


def walk(server: Server, share: str, folder: str = "") -> dict[str, tuple[bool, int]]:
    """The whole share, recursively, as a client walks it."""
    found: dict[str, tuple[bool, int]] = {}
    for name, (is_folder, size) in listing(server, share, folder).items():
        if name in (".", ".."):
            continue
        path = f"{folder}\\{name}"
        found[path] = (is_folder, size)
        if is_folder:
            found |= walk(server, share, path)
    return found


def fetch(server: Server, share: str, name: str, folder: Path) -> str:
    """The SHA-256 of a file as a client reads it."""
    done = server.client(share, f'get "{name}" "{folder}/fetched"')
    assert done.returncode == 0, done.stdout + done.stderr
    return hashlib.sha256((folder / "fetched").read_bytes()).hexdigest()


def expected(name: str, size: int) -> str:
    return hashlib.sha256(gofuse.expected_content(Path(name).name, size)).hexdigest()


def test_without_the_shim_nothing_works(lying_mount, serve_smb):
    with serve_smb({"dfs": Share(lying_mount.path)}) as server:
        for command in ("ls", 'ls "movies\\*"', 'get "movies\\film one.mkv" /dev/null'):
            done = server.client("dfs", command)
            assert done.returncode == 1
            assert "NT_STATUS_OBJECT_PATH_NOT_FOUND" in done.stdout


def test_disabled_it_does_not_work_either(lying_mount, serve_smb, shim: Shim):
    with serve_smb({"dfs": Share(lying_mount.path)}, env=shim(scope="off")) as server:
        assert "NT_STATUS_OBJECT_PATH_NOT_FOUND" in server.client("dfs", "ls").stdout


@pytest.mark.parametrize("dir_nlink", [1, 2])
@pytest.mark.parametrize("scope", ["fuse", "path"])
def test_with_the_shim_the_share_is_served(
    scope: str, dir_nlink: int, lying_mount, honest_mount, serve_smb, folder, shim
):
    """Every entry, as an smbd without the shim shows it of the honest tree; and a file whole."""
    with serve_smb({"honest": Share(honest_mount.path)}) as server:
        honest = walk(server, "honest")
    env = shim(scope=lying_mount.path if scope == "path" else None, dir_nlink=dir_nlink)
    with serve_smb({"dfs": Share(lying_mount.path)}, env=env) as server:
        assert walk(server, "dfs") == honest
        assert fetch(server, "dfs", FILM[0].replace("/", "\\"), folder) == expected(*FILM)
        assert "ld.so" not in server.log()
    assert honest["\\movies\\film one.mkv"] == (False, FILM[1])
    assert honest["\\shows\\season 1"] == (True, 0)


def test_the_mount_as_a_subfolder_of_the_share(mount_gofuse, serve_smb, folder: Path, shim: Shim):
    """The parent folder shared: without the shim the mount is listed, but not as a folder."""
    (folder / "share").mkdir()
    (folder / "share/plain.txt").write_text("of the disk")
    with mount_gofuse("share/dfs"):
        with serve_smb({"media": Share(folder / "share")}) as server:
            assert listing(server, "media")["dfs"][0] is False
        with serve_smb({"media": Share(folder / "share")}, env=shim()) as server:
            assert listing(server, "media")["dfs"] == (True, 0)
            assert listing(server, "media", "\\dfs\\movies")["film one.mkv"] == (False, FILM[1])
            assert fetch(server, "media", "dfs\\movies\\film one.mkv", folder) == expected(*FILM)


def test_wide_links_from_an_ordinary_share(lying_mount, serve_smb, folder: Path, shim: Shim):
    """Media libraries: an ordinary folder of symlinks into the mount."""
    library = folder / "library"
    library.mkdir()
    (library / "films").symlink_to(lying_mount / "movies")
    (library / "one.mkv").symlink_to(lying_mount / FILM[0])
    shares = {"library": Share(library, ("wide links = yes",))}
    with serve_smb(shares) as server:
        assert listing(server, "library")["films"] == (False, 0)
        assert server.client("library", "get one.mkv /dev/null").returncode == 1
    with serve_smb(shares, env=shim()) as server:
        assert listing(server, "library")["films"][0] is True
        assert listing(server, "library", "\\films")["film one.mkv"] == (False, FILM[1])
        assert fetch(server, "library", "one.mkv", folder) == expected(*FILM)
        assert fetch(server, "library", "films\\film one.mkv", folder) == expected(*FILM)


def test_an_overlay_over_the_mount(lying_mount, serve_smb, folder: Path, shim: Shim):
    require("overlay")
    for name in ("upper", "work", "merged"):
        (folder / name).mkdir()
    data = f"lowerdir={lying_mount.path},upperdir={folder}/upper,workdir={folder}/work"
    with (
        mounts.mounted("overlay", folder / "merged", "overlay", data=data) as merged,
        serve_smb({"merged": Share(merged)}, env=shim(scope=merged)) as server,
    ):
        assert listing(server, "merged", "\\movies")["film one.mkv"] == (False, FILM[1])
        assert fetch(server, "merged", "movies\\film one.mkv", folder) == expected(*FILM)


def test_the_shim_is_in_smbd_and_its_children(lying_mount, serve_smb, shim: Shim):
    with serve_smb({"dfs": Share(lying_mount.path)}, env=shim()) as server:
        assert server.client("dfs", "ls").returncode == 0
        assert str(shim.path) in Path(f"/proc/{server.pid}/maps").read_text()

"""Symbolic links with absolute targets, as libraries of Sonarr or Radarr are made of, on each Samba."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import gofuse
from harness.releases import Release, Releases

POSTER = ("movies/poster.jpg", 8191)
OUT = "/etc/passwd"


@pytest.fixture
def sibling(every_release: Releases) -> Iterator[Path]:
    """A folder beside the mount."""
    folder = every_release.parent / "library"
    folder.mkdir()
    (folder / "film.nfo").write_text("of the sibling\n")
    try:
        yield folder
    finally:
        (folder / "film.nfo").unlink()
        (folder / "link").unlink(missing_ok=True)
        folder.rmdir()


def test_links_with_absolute_targets(
    release: Callable[..., Release], release_dfs, sibling: Path, folder: Path
) -> None:
    """Within the mount, to what is beside it, and back; what leads out of the share stays closed."""
    served = release(beside=["library"])
    mount = served.parent / "dfs"
    (sibling / "link").symlink_to(mount / POSTER[0])
    links = [
        f"folder={mount}/movies",
        f"file={mount}/{POSTER[0]}",
        f"beside={sibling}/film.nfo",
        f"out={OUT}",
    ]
    with release_dfs(link=links), served.serving() as server:

        def fetched(name: str) -> bytes | None:
            target = folder / "fetched"
            target.unlink(missing_ok=True)
            server.client("dfs", f'get "{name}" {target}')
            return target.read_bytes() if target.exists() else None

        poster = gofuse.expected_content("poster.jpg", POSTER[1])
        assert "poster.jpg" in server.client("dfs", "ls dfs\\folder\\*").stdout
        assert fetched("dfs\\folder\\poster.jpg") == poster
        assert fetched("dfs\\file") == poster
        assert fetched("library\\link") == poster
        assert fetched("dfs\\beside") == (sibling / "film.nfo").read_bytes()
        assert fetched("dfs\\out") is None


def test_what_is_beside_the_mount_must_be_named(release: Callable[..., Release], release_dfs, sibling: Path):
    with release_dfs(), release().started() as server:
        assert server.process.wait(20) == 2
        assert "beside the mount there is library" in server.log()


@pytest.mark.parametrize("name", ["..films", "...", "*", "..?*", "a\nb"])
def test_any_name_beside_the_mount_is_seen(every_release, release_dfs, name: str):
    (every_release.parent / name).mkdir()
    try:
        with release_dfs(), every_release("4.17").started() as server:
            assert server.process.wait(20) == 2
            assert f"beside the mount there is {name}, which" in server.log()
    finally:
        (every_release.parent / name).rmdir()

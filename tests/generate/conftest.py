"""Containers of what is generated: built once each, on a base made of Debian's packages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from harness import gofuse, images, releases
from harness.capability import require
from harness.mounts import FuseMount


@pytest.fixture(scope="session")
def store() -> Iterator[images.Store]:
    require("root", "podman", "buildah", "runc", "mmdebstrap")
    with images.store() as store:
        yield store


@pytest.fixture(scope="session")
def image(store: images.Store) -> Iterator[images.Builder]:
    """image(key=value, ...): the image of smbd that these settings make."""
    images.import_debian(store)
    with images.builder(store) as builder:
        yield builder


@pytest.fixture(scope="session")
def gofuse_image(store: images.Store, gofuse_program: Path) -> str:
    """The image of a FUSE server: go-fuse, and the libraries that it needs."""
    name = "localhost/nlinkshim-test-gofuse:1"
    context = store.folder / "gofuse"
    for file, place in {
        gofuse_program: "gofuse",
        Path("/lib64/ld-linux-x86-64.so.2"): "lib64/ld-linux-x86-64.so.2",
        Path("/lib/x86_64-linux-gnu/libc.so.6"): "lib/x86_64-linux-gnu/libc.so.6",
    }.items():
        (context / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, context / place)
    (context / "Containerfile").write_text(
        "FROM scratch\nCOPY gofuse /gofuse\nCOPY lib64 /lib64\nCOPY lib /lib\n"
    )
    store.run("buildah", "bud", "--tag", name, context, timeout=120)
    return name


@pytest.fixture
def dfs(image: images.Builder, gofuse_program: Path) -> Callable[..., AbstractContextManager[FuseMount]]:
    """dfs(nlink="0", ...): mounts go-fuse where the containers expect it, by the flags of its main.go."""
    return partial(gofuse.mount, gofuse_program, image.parent / "dfs")


@pytest.fixture(scope="session")
def every_release() -> Iterator[releases.Releases]:
    """every_release(version, key=value, ...): the server on that Samba, of releases.SUITES."""
    require("root", "fuse", "overlay", "mmdebstrap", "smbclient")
    with releases.releases() as made:
        yield made


@pytest.fixture(params=list(releases.SUITES))
def release(
    request: pytest.FixtureRequest, every_release: releases.Releases
) -> Callable[..., releases.Release]:
    """release(key=value, ...): the generated server, once on each Samba."""
    return partial(every_release, request.param)


@pytest.fixture
def release_dfs(
    every_release: releases.Releases, gofuse_program: Path
) -> Callable[..., AbstractContextManager[FuseMount]]:
    """release_dfs(nlink="0", ...): mounts go-fuse where these servers expect it; the flags of its main.go."""
    return partial(gofuse.mount, gofuse_program, every_release.parent / "dfs")

"""The generated container fails closed: each thing that is wrong ends it with one line that says what."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import images, mounts
from harness.images import SHIM, Image
from harness.preload import Shim

import nlinkshim as package

pytestmark = pytest.mark.timeout(300)  # the first test that needs an image builds it


@pytest.fixture
def plain(image) -> Image:
    return image(sentinel="readme.txt")


def damaged_shim(folder: Path, shim: Shim, damage: Callable[[bytes], bytes]) -> str:
    """The flag that puts a damaged shim into the container."""
    path = folder / "damaged.so"
    path.write_bytes(damage(shim.path.read_bytes()))
    path.chmod(0o755)
    return f"--volume={path}:{SHIM}:ro"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:4096],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(package.__version__.encode() + b"\0", b"0.0.9\0"),
    ],
    ids=["empty", "one page", "half", "another version"],
)
def test_a_shim_that_is_not_the_one_verified(damage, plain: Image, dfs, folder, shim: Shim):
    with dfs():
        outcome = plain.run_to_its_end(damaged_shim(folder, shim, damage))
    assert outcome.refused(4, f"the shim {SHIM} is not loaded as it should be"), outcome


def test_no_shim(plain: Image, dfs):
    """Taken out of the image: ld.so would go on without."""
    plain.store.derive("nlst-without", f"FROM localhost/nlinkshim-smbd:{plain.name}\nRUN rm {SHIM}\n")
    shutil.copytree(plain.folder, plain.folder.parent / "without", dirs_exist_ok=True)
    run = plain.folder.parent / "without" / "run"
    run.write_text(
        run.read_text().replace(f"localhost/nlinkshim-smbd:{plain.name}", "localhost/nlst-without")
    )
    without = Image(plain.store, run.parent, plain.name, plain.port, plain.parent)
    with dfs():
        outcome = without.run_to_its_end()
    assert outcome.refused(4, SHIM, "cannot be preloaded", "build the image again"), outcome


def test_scope_off(plain: Image, dfs):
    with dfs():
        outcome = plain.run_to_its_end("--env=NLINKSHIM_SCOPE=off")
    assert outcome.refused(2, "NLINKSHIM_SCOPE=off", "unset it"), outcome


def test_a_scope_that_is_none(plain: Image, dfs):
    with dfs():
        outcome = plain.run_to_its_end("--env=NLINKSHIM_SCOPE=nfs")
    assert outcome.refused(4, "is neither 'fuse' nor 'off' nor absolute paths"), outcome


def test_a_scope_that_leaves_the_mount_out(plain: Image, dfs):
    with dfs():
        outcome = plain.run_to_its_end("--env=NLINKSHIM_SCOPE=/mnt/other")
        assert outcome.refused(
            1, f"{plain.parent}/dfs shows a link count of 0 even under the shim", "/mnt/other"
        ), outcome
        with plain.serving(
            f"--env=NLINKSHIM_SCOPE={plain.parent}/dfs", "--env=NLINKSHIM_DIR_NLINK=1"
        ) as container:
            assert "are corrected" in container.log()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["there is no /run/secrets/smb/media"]),
        ("", ["/run/secrets/smb/media is empty"]),
        ("\nsecond line\n", ["the first line of /run/secrets/smb/media is empty"]),
        ("from windows\r\n", ["/run/secrets/smb/media has a control character"]),
    ],
    ids=["missing", "empty", "empty line", "carriage return"],
)
def test_no_password(content: str | None, words: list[str], plain: Image, dfs, folder: Path):
    if content is not None:
        (folder / "media").write_text(content, newline="")
    with dfs():
        outcome = plain.run_to_its_end(secrets=folder)
    assert outcome.refused(2, *words), outcome


def test_a_password_that_may_not_be_read(plain: Image, dfs, folder: Path):
    """Root in the container has no capability to read what belongs to others."""
    (folder / "media").write_text("of another user")
    (folder / "media").chmod(0o400)
    shutil.chown(folder / "media", 1234)
    with dfs():
        outcome = plain.run_to_its_end(secrets=folder)
    assert outcome.refused(2, "uid 0 may not read /run/secrets/smb/media"), outcome


def test_no_mount(plain: Image):
    begin = time.monotonic()
    outcome = plain.run_to_its_end()
    assert outcome.refused(3, f"nothing is mounted at {plain.parent}/dfs", "rslave", "(waited 2 s)"), outcome
    assert 2 <= time.monotonic() - begin < 6


def test_no_sentinel(image, dfs):
    with dfs():
        outcome = image(sentinel="movies/none").run_to_its_end()
    assert outcome.refused(3, f"{image.parent}/dfs has no movies/none"), outcome


def test_an_empty_mount(image):
    """A mount that shows nothing yet: without a sentinel any entry will do, but there must be one."""
    built = image()
    point = built.parent / "dfs"
    point.mkdir(exist_ok=True)
    with mounts.mounted("none", point, "tmpfs"):
        outcome = built.run_to_its_end()
    assert outcome.refused(3, f"{built.parent}/dfs is empty"), outcome


def test_a_dead_mount(plain: Image, dfs):
    with dfs() as mount:
        mount.kill()
        outcome = plain.run_to_its_end()
        assert outcome.refused(3, "does not answer", "Transport endpoint is not connected"), outcome


def test_a_mount_that_hangs(plain: Image, dfs):
    with dfs() as mount:
        mount.freeze()
        outcome = plain.run_to_its_end()
        mount.thaw()
    assert outcome.refused(3, "does not answer: listing it took longer than 5 s"), outcome


def test_no_allow_other(plain: Image, dfs):
    with dfs(allow_other=False):
        outcome = plain.run_to_its_end()
    assert outcome.refused(2, "mounted without allow_other", "mount it with that option"), outcome


@pytest.mark.parametrize("name", ["other", ".hidden"])
def test_something_else_beside_the_mount(name: str, image, plain: Image, dfs):
    other = plain.parent / name
    other.mkdir()
    try:
        with dfs():
            outcome = plain.run_to_its_end()
            assert outcome.refused(2, f"there is {name}", 'shares = ["dfs=."]'), outcome
            with image(sentinel="readme.txt", shares=["dfs=."]).serving() as container:
                assert container.health()[0], "a share of the mount itself shows nothing else"
    finally:
        other.rmdir()


def test_no_place_to_write(plain: Image, dfs):
    with dfs():
        outcome = plain.run_to_its_end("--user=1234")
    assert outcome.refused(2, "uid 1234 cannot write to /run/samba"), outcome


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"users": ["games"]}, "users: the base has the name games or the id 1000 already"),
        ({"users": ["media=5"]}, "users: the base has the name media or the id 5 already"),
    ],
    ids=["name", "id"],
)
def test_the_build_refuses_an_account_of_the_base(settings, words: str, image: images.Builder, plain: Image):
    with pytest.raises(AssertionError, match=words):
        image(sentinel="readme.txt", **settings)


def test_the_image_is_checked_for_settings_that_samba_does_not_know(plain: Image, folder: Path):
    """It would leave them out with a warning, and serve without encryption, say."""
    config = plain.folder / "image" / "smb.conf"
    (folder / "smb.conf").write_text(
        config.read_text().replace("server smb encrypt", "server smb encryption")
    )
    run = [
        "podman",
        "run",
        "--rm",
        "--network=none",
        f"localhost/nlinkshim-smbd:{plain.name}",
        "--check-image",
    ]
    assert plain.store.run(*run, check=False).returncode == 0
    run[2:2] = [f"--volume={folder}/smb.conf:/etc/samba/smb.conf:ro"]
    done = plain.store.run(*run, check=False)
    assert done.returncode == 2
    assert 'Unknown parameter encountered: "server smb encryption"' in done.stderr

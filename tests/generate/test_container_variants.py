"""What the settings change: each kind of container is built and run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from harness.clients import USER
from harness.images import SHIM, Container, Image, Store, import_debian, wheels
from harness.mounter import is_guarded, shared_folder

pytestmark = pytest.mark.timeout(300)  # the first test that needs an image builds it

LISTED = "readme.txt                          N       42"


def test_an_honest_mount(image, dfs):
    with dfs(nlink="honest"), image(sentinel="readme.txt").serving() as container:
        assert (
            f"no link count of 0 in a sample of {image.parent}/dfs: the shim is not needed for it"
            in container.log()
        )
        assert container.health() == (True, "")


@pytest.mark.parametrize("nlink", ["honest-folders", "getattr-only"])
def test_a_mount_that_lies_in_part(nlink: str, image, dfs):
    with dfs(nlink=nlink), image(sentinel="readme.txt").serving() as container:
        assert "3145735" in container.client("dfs", 'ls "dfs\\movies\\film one.mkv"').stdout


def rootless(image, **settings: object) -> Image:
    built = image(sentinel="readme.txt", rootless=True, users=["media=1234"], **settings)
    for path in (built.folder / "secrets", built.folder / "secrets" / "media"):
        os.chown(path, 1234, 1234)
    return built


def test_rootless(image, dfs):
    """smbd is its only user from the start, and has no capability at all."""
    with dfs(), rootless(image).serving() as container:
        assert LISTED in container.client("dfs", "ls dfs\\readme.txt").stdout
        assert container.health() == (True, "")
        for pid, args in container.processes().items():
            if args.startswith("sleep "):
                continue  # for a second
            text = Path(f"/proc/{pid}/status").read_text()
            status = dict(re.findall(r"^(\w+):\t(.*)$", text, re.MULTILINE))
            assert {int(status[f"Cap{kind}"], 16) for kind in ("Prm", "Eff", "Bnd", "Inh", "Amb")} == {0}
            assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"1234"}
        assert "NT_STATUS_LOGON_FAILURE" in container.client("dfs", "ls", user="media%wrong").stdout


def test_guests(image, dfs):
    with dfs(), image(guest=True, users=[], encryption="off").serving() as container:
        assert LISTED in container.client("dfs", "ls dfs\\*", user=None).stdout
        assert LISTED in container.client("dfs", "ls dfs\\*", user="anyone%").stdout
        assert container.health() == (True, "")


def test_guests_beside_a_user(image, dfs):
    """Who has an account must know its password: no slip makes a guest of a user."""
    with dfs(), image(guest=True, encryption="off").serving() as container:
        assert LISTED in container.client("dfs", "ls dfs\\*", user=None).stdout
        assert LISTED in container.client("dfs", "ls dfs\\*").stdout
        assert "NT_STATUS_LOGON_FAILURE" in container.client("dfs", "ls dfs\\*", user="media%wrong").stdout
        assert container.health() == (True, "")


@pytest.mark.parametrize("encryption", ["desired", "off"])
def test_encryption_that_is_not_required(encryption: str, image, dfs):
    """A client that cannot encrypt is served. Strangers are told nothing, not even the names of shares."""
    old = "--option=client max protocol=SMB2_10"
    with dfs(), image(encryption=encryption, min_protocol="SMB2_10").serving() as container:
        assert LISTED in container.client("dfs", "ls dfs\\*", old).stdout
        assert LISTED in container.client("dfs", "ls dfs\\*").stdout
        assert "dfs  " in container.client("", "", "-L", "127.0.0.1").stdout
        assert "dfs  " not in container.client("", "", "-L", "127.0.0.1", user=None).stdout
        assert container.health() == (True, "")


def test_writable(image, dfs):
    """An empty file: all that this file system takes."""
    with dfs(owner=1000), image(sentinel="readme.txt", writable=True).serving() as container:
        empty = container.image.folder / "empty"
        empty.touch()
        assert container.client("dfs", f"put {empty} dfs\\new").returncode == 0
        assert "new " in container.client("dfs", "ls dfs\\*").stdout
        assert container.client("dfs", "rm dfs\\new").returncode == 0
        assert "new " not in container.client("dfs", "ls dfs\\*").stdout


@pytest.mark.parametrize("wide", [False, True], ids=["not", "followed"])
def test_wide_links(wide: bool, image, dfs, folder: Path):
    """A link that leads out of the share, to a file of the image."""
    with (
        dfs(link=["out=/etc/debian_version"]),
        image(sentinel="readme.txt", wide_links=wide).serving() as container,
    ):
        container.client("dfs", f"get dfs\\out {folder}/out")
        assert (folder / "out").exists() == wide
        if wide:
            assert (folder / "out").read_text() == container.inside("cat", "/etc/debian_version").stdout


def test_several_shares_and_users(image, dfs, folder: Path):
    built = image(
        sentinel="readme.txt", shares=["dfs", "films=movies", "all=."], users=["media", "backup2=1010"]
    )
    with dfs(), built.serving() as container:
        for user in (USER, USER.replace("media", "backup2")):
            assert LISTED in container.client("dfs", "ls dfs\\*", user=user).stdout
            assert LISTED in container.client("all", "ls", user=user).stdout
            assert "film one.mkv" in container.client("films", "ls", user=user).stdout
        assert container.health() == (True, "")


@pytest.fixture
def own_base(image, store: Store) -> str:
    """An image of a user's: Debian with Samba in it, and a user, an entrypoint and a command of its own."""
    built = image(sentinel="readme.txt")
    bud = ["buildah", "bud", "--layers", "--format=docker", "--target=build", "--tag=nlst-build"]
    store.run(*bud, built.folder / "image", timeout=300)
    ours = f"/opt/nlinkshim /wheels /smbd {SHIM}"
    text = (
        f'FROM localhost/nlst-build\nRUN rm -r {ours}\nUSER 33\nENTRYPOINT ["/bin/false"]\nCMD ["nothing"]\n'
    )
    return f"localhost/{store.derive('nlst-own', text)}"


def test_an_image_of_the_users_own(own_base: str, image, dfs, store: Store):
    python = store.derive("nlst-python", f"FROM {own_base}\nUSER 0:0\n")
    built = image(sentinel="readme.txt", base=own_base, base_kind="own", python_image=f"localhost/{python}")
    with dfs(), built.serving() as container:
        serves(container)
        assert container.stop() < 2


def serves(container: Container) -> None:
    assert LISTED in container.client("dfs", "ls dfs\\readme.txt").stdout
    assert container.health() == (True, "")
    assert "are corrected" in container.log()


@pytest.fixture(scope="module")
def others(image, store: Store) -> Image:
    """mounter and tools, beside smbd."""
    built = image(sentinel="readme.txt")
    store.run(built.folder / "build", "--layers", timeout=600, ENGINE="buildah", IMAGES="mounter tools")
    return built


def test_the_other_images(others: Image, store: Store):
    """mounter has mount.cifs and no Python; tools has nlinkshim."""
    run = ["podman", "run", "--rm", "--network=none"]
    programs = store.run(
        *run,
        "--entrypoint=sh",
        f"localhost/nlinkshim-mounter:{others.name}",
        "-c",
        "for each in mount.cifs mount umount timeout find stat python3; do command -v $each; done",
        check=False,
    )
    assert len(programs.stdout.split()) == 6 and "python" not in programs.stdout
    said = store.run(*run, f"localhost/nlinkshim-tools:{others.name}", "nlinkshim", "--version").stdout
    assert said.startswith("nlinkshim ")


def test_the_guard_of_a_container_is_on_the_machine(others: Image, store: Store, folder: Path):
    """Made by the mounter's image in a folder that is bound both ways, it outlives the container."""
    with shared_folder(folder / "srv") as shared:
        said = cleared(store, others, shared / "dfs")
        assert "warning" not in said
        assert is_guarded(shared)
        with pytest.raises(PermissionError):
            any((shared / "dfs").iterdir())


def cleared(store: Store, image: Image, target: Path) -> str:
    """What the mounter's image says when it clears the way for a mount, on this machine."""
    run = ["podman", "run", "--rm", "--network=none", "--privileged"]
    bound = f"--volume={target.parent}:{target.parent}:rshared"
    done = store.run(*run, bound, f"localhost/nlinkshim-mounter:{image.name}", "clear", target)
    return done.stdout + done.stderr


def test_the_debian_before(image, store: Store, dfs, folder: Path):
    """Its packages are cut otherwise, its Samba is older, and its mount(8) knows no id maps."""
    base = import_debian(store, "bookworm")
    built = image(sentinel="readme.txt", base=base, wheels=str(wheels("bookworm")))
    with dfs(), built.serving() as container:
        serves(container)
        assert container.client("dfs", f"get dfs\\readme.txt {folder}/fetched").returncode == 0
        assert (folder / "fetched").stat().st_size == 42
        assert "dfs             Disk" in container.client("", "", "-L", "127.0.0.1").stdout
        assert "Version 4.17." in container.inside("smbd", "--version").stdout
    store.run(built.folder / "build", "--layers", timeout=600, ENGINE="buildah", IMAGES="mounter")
    with shared_folder(folder / "srv") as shared:
        said = cleared(store, built, shared / "dfs")
        assert "warning" not in said, said
        assert is_guarded(shared), "its Perl did not make the calls that its mount(8) does not know"
        with pytest.raises(PermissionError):
            list((shared / "dfs").iterdir())

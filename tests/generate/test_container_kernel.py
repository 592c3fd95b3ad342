"""The kernel's SMB client on the container's share, mounted with the options that are generated."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator

import pytest
from harness import gofuse, guest
from harness.clients import PASSWORD
from harness.images import Builder, Image

from nlinkshim.engines.generate.cifs import mount_options
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings
from nlinkshim.engines.generate.toml import read_toml

pytestmark = pytest.mark.timeout(300)  # the first test that needs the image builds it

FILM = ("movies/film one.mkv", 3145735)
TARGET = "/mnt/dfs"
INSIDE = """
    cd {target}/movies && touch /run/inside || exit
    until [ -e /run/restarted ]; do sleep 0.05; done
    stat -c %F . && ls . && sha256sum 'film one.mkv'
"""


@pytest.fixture(scope="module")
def built(image: Builder) -> Image:
    return image(sentinel="readme.txt", port=image.port)


@pytest.fixture
def mount_share(built: Image, machine: guest.Machine) -> Callable[[], contextlib.AbstractContextManager[str]]:
    """Mounted as the generated manifests would."""
    model = Model.of(Settings.of(read_toml(built.folder / "nlinkshim.toml")))
    options = [option.text for option in mount_options(model) if not option.text.startswith("port=")]
    machine.run(f"printf 'username=media\\npassword={PASSWORD}\\n' >/run/login")

    @contextlib.contextmanager
    def mounted() -> Iterator[str]:
        machine.mount(
            model.client_source(guest.HOST),
            TARGET,
            port=built.port,
            options=",".join([*options, "credentials=/run/login"]),
        )
        try:
            yield TARGET
        finally:
            machine.run(f"umount -l {TARGET}")

    return mounted


def digest(name: str, size: int) -> str:
    return hashlib.sha256(gofuse.expected_content(name.rpartition("/")[2], size)).hexdigest()


def test_it_is_mounted_and_right(built: Image, machine, mount_share, gofuse_program):
    with gofuse.mount(gofuse_program, built.parent / "dfs"), built.serving(), mount_share() as target:
        counts = machine.run(f"stat -c '%h %F' {target} {target}/movies '{target}/{FILM[0]}'").output
        assert counts.splitlines() == ["2 directory", "2 directory", "1 regular file"]
        assert machine.run(f"sha256sum '{target}/{FILM[0]}'").output.split()[0] == digest(*FILM)


def test_a_thousand_entries_are_listed(built: Image, machine, mount_share, gofuse_program):
    many = gofuse.mount(
        gofuse_program, built.parent / "dfs", entries=1001, fanout=1000, link=["readme.txt=d00000/f0001"]
    )
    with many, built.serving(), mount_share() as target:
        assert machine.run(f"ls {target}/d00000").output.split() == [f"f{n:04}" for n in range(1000)]
        assert machine.run(f"stat -c %h {target}/d00000/* | sort | uniq -c").output.split() == ["1000", "1"]


def test_the_server_restarts_with_other_inode_numbers(
    built: Image, machine, mount_share, gofuse_program, tell
):
    """The pod of FUSE server and smbd, replaced. The client is never told."""
    with contextlib.ExitStack() as stack:
        with gofuse.mount(gofuse_program, built.parent / "dfs") as before, built.serving():
            target = stack.enter_context(mount_share())
            inside = machine.start(INSIDE.format(target=target))
            machine.run("until [ -e /run/inside ]; do sleep 0.05; done")
            number = (before.path / "movies").stat().st_ino
            stopped = time.monotonic()
        with gofuse.mount(gofuse_program, built.parent / "dfs", shift_inodes=1_000_000) as after:
            reading = machine.start(f"sha256sum '{target}/{FILM[0]}'")
            with built.serving():
                read = reading.result(timeout=60)
                outage = time.monotonic() - stopped
                machine.run("touch /run/restarted")
                kind, *names, whole = inside.result().output.splitlines()
                assert (after.path / "movies").stat().st_ino == number + 1_000_000
    tell(f"a read blocked {read.seconds:.1f} s, back {outage:.1f} s after the stop")
    assert read.output.split()[0] == whole.split()[0] == digest(*FILM)
    assert kind == "directory"
    assert "film one.mkv" in names

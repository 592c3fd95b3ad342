"""The kernel's SMB client on a lying mount: refused without the shim, right with it, and across a restart."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from harness import gofuse, guest
from harness.preload import Shim
from harness.samba import Server, Share

OPTIONS = "vers=3.1.1,nosharesock,echo_interval=10,ro"
LOGINS = {"guest": "guest", "encrypted": "username=root,password=secret,seal"}
FILM = ("movies/film one.mkv", 3145735)
STALE = "Stale file handle"

Serve = Callable[..., AbstractContextManager[Server]]


@contextlib.contextmanager
def mounted(machine: guest.Machine, server: Server, source: str, *options: str) -> Iterator[str]:
    """A share, or a folder of one, mounted in the guest. Yields where."""
    target = f"/mnt/{source}"
    machine.mount(f"//{guest.HOST}/{source}", target, port=server.port, options=",".join((OPTIONS, *options)))
    try:
        yield target
    finally:
        machine.run(f"umount -l {target}")


def checksum(name: str, size: int) -> str:
    return hashlib.sha256(gofuse.expected_content(Path(name).name, size)).hexdigest()


def test_without_the_shim_it_cannot_be_mounted(machine, lying_mount, serve_smb):
    with serve_smb({"dfs": Share(lying_mount.path)}) as server:
        refused = machine.mount(
            f"//{guest.HOST}/dfs", "/mnt/dfs", port=server.port, options=f"{OPTIONS},guest", check=False
        )
    assert refused.status != 0
    assert "mount error(2): No such file or directory" in refused.output


@pytest.mark.parametrize("login", LOGINS)
def test_with_the_shim_it_is_mounted_and_right(login: str, machine, lying_mount, serve_smb, shim: Shim):
    with serve_smb({"dfs": Share(lying_mount.path)}, env=shim()) as server:
        server.add_user("root", "secret")
        with mounted(machine, server, "dfs", LOGINS[login], "noserverino") as target:
            # every entry, and what is behind the links, which smbd resolves: the client sees none
            shown = machine.run(f"cd {target} && find . -exec stat -c '%h%A %n' {{}} +").output.splitlines()
            listed = {name: counted[:2] for counted, _, name in (line.partition(" ") for line in shown)}
            assert set(listed.values()) == {"2d", "1-"}
            for name in (".", "./movies", "./shows/été", "./to-movies"):
                assert listed[name] == "2d"
            for name in ("./readme.txt", "./to-readme", f"./{FILM[0]}", "./movies/favourite"):
                assert listed[name] == "1-"
            assert "./dangling" not in listed

            read = machine.run(f"sha256sum '{target}/{FILM[0]}' {target}/movies/favourite").output
            assert [line.split()[0] for line in read.splitlines()] == [checksum(*FILM)] * 2


def test_a_thousand_entries_are_listed(machine, mount_gofuse, serve_smb, shim: Shim):
    with (
        mount_gofuse(entries=1001, fanout=1000) as many,
        serve_smb({"many": Share(many.path)}, env=shim()) as server,
        mounted(machine, server, "many", "guest", "noserverino") as target,
    ):
        assert machine.run(f"ls {target}/d00000").output.split() == [f"f{n:04}" for n in range(1000)]
        assert machine.run(f"stat -c %h {target}/d00000/* | sort | uniq -c").output.split() == ["1000", "1"]


@pytest.fixture
def serve_folder(mount_gofuse, serve_smb, folder: Path, shim: Shim) -> Serve:
    """serve_folder(shift, port): a lying mount, its inode numbers shifted, in a folder shared as `media`."""

    @contextlib.contextmanager
    def serve(shift: int, port: int | None = None) -> Iterator[Server]:
        with (
            mount_gofuse("share/dfs", shift_inodes=shift),
            serve_smb({"media": Share(folder / "share")}, env=shim(), port=port) as server,
        ):
            yield server

    return serve


# What a process sees that stands in a folder and holds a file open while the server restarts. Its two looks
# are further apart than the client caches attributes.
IN_THE_FOLDER = """
    cd {target}/movies && exec 3<'film one.mkv' && touch /run/inside || exit
    until [ -e /run/restarted ]; do sleep 0.05; done
    rm /run/inside /run/restarted
    for look in 1 2; do
        stat -c %F .
        ls
        sleep 1.5
    done
    sha256sum <&3
"""
NAMES = ["empty.nfo", "favourite", "film one.mkv", "film two.mkv", "poster.jpg"]


@pytest.mark.parametrize("numbers", ["noserverino", "serverino"])
def test_a_restart_with_other_inode_numbers(numbers: str, machine, serve_folder: Serve, folder: Path, tell):
    """The FUSE server and smbd gone and back, as with a restarted pod. With the server's inode numbers the
    folder that a process stands in is stale and stays so; with the client's own it is there again."""
    with contextlib.ExitStack() as stack:
        with serve_folder(0) as server:
            target = stack.enter_context(mounted(machine, server, "media/dfs", "guest", numbers))
            inside = machine.start(IN_THE_FOLDER.format(target=target))
            machine.run("until [ -e /run/inside ]; do sleep 0.05; done")
            before = (folder / "share/dfs/movies").stat().st_ino
            stopped = time.monotonic()
        with serve_folder(1_000_000, server.port):
            after = (folder / "share/dfs/movies").stat().st_ino
            read = machine.run(f"sha256sum '{target}/{FILM[0]}'")
            outage = time.monotonic() - stopped
            machine.run("touch /run/restarted")
            *looks, whole = inside.result().output.splitlines()
    tell(f"{numbers}: a read blocked {read.seconds:.1f} s, back {outage:.1f} s after the stop")
    assert after == before + 1_000_000
    assert read.output.split()[0] == whole.split()[0] == checksum(*FILM)
    assert read.seconds < 15
    if numbers == "noserverino":
        assert looks == ["directory", *NAMES] * 2
    else:
        assert looks == [f"stat: cannot statx '.': {STALE}", f"ls: .: {STALE}"] * 2

"""Names that SMB reserves, and others that are not plain, through the kernel's client, on each Samba."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator

import pytest
from harness import guest, mounts
from harness.clients import PASSWORD
from harness.releases import SUITES, Release, Running

from nlinkshim.generator.cifs import mount_options

pytestmark = pytest.mark.timeout(300)

PLAIN = [chr(code) for code in range(1, 127) if chr(code) != "/"]
FIRST_MIDDLE_LAST = sorted({name for c in PLAIN for name in (f"{c}z", f"a{c}z", f"a{c}")})
WORDS = [
    'Mission: Impossible - "Fallout"',
    "What? <really> | *yes*",
    "été",
    "e\u0301te\u0301",
    "日本語",
    "🎬 film",
    "ß",
    "İstanbul",
    ":" * 255,
    "é" * 127,
]
LATIN = "latin-\udce9"  # as Python has the byte 0xe9
# Each name that is listed and opens: a file holds its own name.
OPENING = """
    cd /mnt/dfs || exit
    for name in * .*; do
        [ ! -d "./$name" ] && IFS= read -r line <"./$name" && printf '%s\\0' "$name"
    done 2>/dev/null
    true
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[guest.Machine]:
    with guest.boot() as machine:
        machine.run(f"printf 'username=media\\npassword={PASSWORD}\\n' >/run/login")
        yield machine


@contextlib.contextmanager
def mounted(machine: guest.Machine, server: Running) -> Iterator[None]:
    model = server.release.model
    options = [option.text for option in mount_options(model) if not option.text.startswith("port=")]
    options.append("credentials=/run/login")
    machine.mount(model.client_source(guest.HOST), "/mnt/dfs", port=server.port, options=",".join(options))
    assert "iocharset=utf8" in options
    try:
        yield
    finally:
        machine.run("umount -l /mnt/dfs")


def opened(machine: guest.Machine, server: Running) -> set[str]:
    """The names in the mount's root that a kernel client lists and opens."""
    with mounted(machine, server):
        return set(machine.run(OPENING, timeout=120).output.split("\0")) - {""}


def closed(name: str) -> bool:
    """What no setting of smbd lets the client open, and the entrypoint tells."""
    return "\\" in name or name.endswith((".", " "))


def files(names: list[str]) -> list[str]:
    return [f"{name}={len(name.encode(errors='surrogateescape')) + 1}" for name in names]


@pytest.mark.parametrize("version", list(SUITES))
def test_names_open(version: str, every_release, release_dfs, machine: guest.Machine, tell) -> None:
    names = FIRST_MIDDLE_LAST + WORDS
    with release_dfs(file=files(names)), every_release(version).serving() as server:
        seen = opened(machine, server)
        assert {name for name in names if not closed(name)} - seen == set()
        count = sum(map(closed, names))
        assert f"{count} of " in server.log()
        assert "hold a backslash, or end in a dot or a space" in server.log()
        tell(f"Samba {version}: {len(names) - count} of {len(names)} names opened, the others were told")


@pytest.mark.parametrize("version", list(SUITES))
def test_folders_and_what_a_client_writes(version: str, every_release, machine: guest.Machine) -> None:
    """A folder of such a name is not empty, and what a client makes has its name on the server too."""
    release = every_release(version, writable=True, sentinel="readme.txt")
    mount = release.parent / "dfs"
    mount.mkdir(exist_ok=True)
    with mounts.mounted("none", mount, "tmpfs", data="mode=777"):
        (mount / "readme.txt").touch()
        names = [name for name in WORDS if not name.startswith("::")]
        for name in names:
            (mount / name).mkdir()
            (mount / name / "a?b").write_text(name)
        with release.serving() as server, mounted(machine, server):
            for name in names:
                there = shlex.quote(f"/mnt/dfs/{name}")
                assert machine.run(f"ls {there}; cat {there}/*").output == f"a?b\n{name}"
            machine.run('cd /mnt/dfs && mkdir "new: folder" && echo x >"new: folder/<what> | *?"')
            assert [path.name for path in (mount / "new: folder").iterdir()] == ["<what> | *?"]


def test_a_name_that_is_not_utf8_hides_no_other(
    release: Callable[..., Release], release_dfs, machine: guest.Machine
) -> None:
    with release_dfs(file=files([LATIN, "été", "a:b"])), release().serving() as server:
        assert {"été", "readme.txt"} <= opened(machine, server)
        log = server.log()
        assert "1 of " in log and r"are not UTF-8 and are not listed, such as latin-\351" in log


def test_a_mount_of_plain_names_is_quiet(release: Callable[..., Release], release_dfs) -> None:
    with release_dfs(), release().serving() as server:
        assert " names " not in server.log()


@contextlib.contextmanager
def without(module: str, release: Release) -> Iterator[None]:
    where = f"/usr/lib/x86_64-linux-gnu/samba/vfs/{module}.so"
    release.in_image(f"mv {where} {where}.away")
    try:
        yield
    finally:
        release.in_image(f"mv {where}.away {where}")


def test_a_samba_without_the_module_serves_all_the_same(every_release, release_dfs) -> None:
    release = every_release("4.17")
    with without("catia", release), release_dfs(), release.serving() as server:
        assert "readme.txt" in server.client("dfs", "ls dfs\\*").stdout
        assert "this Samba has no module catia" in server.log()

"""What of a mount's names cannot cross: it hides no other where that can be had, and the server tells it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

import pytest
from harness import guest
from harness.kernel_client import mounted
from harness.names import BYTES, FOREIGN, NAMES, seen
from harness.releases import SUITES, Release, Running

pytestmark = pytest.mark.timeout(300)

# Each name of a folder that opens, the folders too
OPEN = """
    cd /mnt/dfs
    for name in * .*; do
        if [ -d "./$name" ]; then set -- "./$name"/*; [ -e "$1" ]; else true <"./$name"; fi || continue
        printf '%s\\0' "$name"
    done 2>/dev/null
    true
"""


def files(*names: str) -> list[str]:
    return [f"{name}=4" for name in names]


def opened(machine: guest.Machine, server: Running) -> set[str]:
    with mounted(machine, server):
        return set(machine.run(OPEN, timeout=120).output.split("\0"))


def told(server: Running, what: str) -> int:
    """How many names or links, by a line of the log."""
    counts = re.findall(rf"nlinkshim: (\d+) of \d+ (?:names|links) in a sample of \S+ {what}", server.log())
    assert len(counts) <= 1
    return int(counts[0]) if counts else 0


def test_names_that_are_not_utf8(
    release: Callable[..., Release], release_dfs, machine: guest.Machine
) -> None:
    """They hide no other. The price is that names with reserved characters do not open."""
    with release_dfs(file=files("first", *FOREIGN, "a:b", "last")), release().serving() as server:
        assert {"first", "last", "movies"} <= opened(machine, server)
        assert told(server, r"are not UTF-8 and are not listed, such as caf\\351\n") == len(FOREIGN)
        assert told(server, "hold a reserved character") == 1
        assert "some names are not UTF-8; with the module catia" in server.log()


def test_a_name_that_catia_does_not_bear(
    release: Callable[..., Release], release_dfs, machine: guest.Machine
) -> None:
    with release_dfs(file=files("first", "at \uffff", "a:b", "last")), release().serving() as server:
        assert {"first", "at \uffff", "last", "movies"} <= opened(machine, server)
        assert "some names hold U+FFFF; with the module catia" in server.log()
        assert told(server, "hold a reserved character") == 1


def test_names_that_clients_see_otherwise(
    release: Callable[..., Release], release_dfs, machine: guest.Machine
) -> None:
    """And none of the others is counted."""
    backslash = [name for name in NAMES if "\\" in name]
    standing = [f"at {chr(code)}" for code in range(0xF001, 0xF02A)]
    names = [*NAMES, *standing, "at \uf000", "at \uf02a"]
    with release_dfs(file=files(*names)), release().serving() as server:
        assert told(server, "hold a backslash, for which clients see U.F026; they open under") == len(
            backslash
        )
        assert told(server, r"hold one of U\+F001 to U\+F029, .* they do not open") == len(standing)
        assert server.log().count(" in a sample of ") == 3  # that of the link counts, too
        now = opened(machine, server)
        assert {"at \uf000", "at \uf02a", *map(seen, backslash)} <= now
        assert now & set(standing) == set()


@pytest.mark.parametrize("version", list(SUITES))
def test_symbolic_links(version: str, every_release, release_dfs, machine: guest.Machine, tell) -> None:
    """smbd resolves them, and takes their names and targets for such as a client sends."""
    targets = [f"a{c}b" for c in BYTES]
    named = [f"{place}=readme.txt" for c in BYTES if c != "=" for place in (f"n{c}", f"n{c}n")]
    leading = [f"t{number}={target}" for number, target in enumerate(targets)]
    links = {link.partition("=")[0] for link in named + leading}
    with (
        release_dfs(file=files(*targets), link=[*named, *leading]),
        every_release(version).serving() as server,
    ):
        lost = links - {name.replace("\uf026", "\\") for name in opened(machine, server)}
        assert told(server, "have a reserved character .*; they do not open without wide_links") == len(lost)
        assert {f"n{c}n" for c in ':?"*<>|'} <= lost
        assert len([name for name in lost if name.startswith("t")]) == (0 if version == "4.17" else 6)
        tell(f"Samba {version}: {len(lost)} of {len(links)} symbolic links do not open, and were told")


def test_wide_links_open_them(release: Callable[..., Release], release_dfs, machine: guest.Machine) -> None:
    names = [name for name in NAMES if "=" not in name]
    links = [f"{name}=readme.txt" for name in names] + ["to=a: b"]
    served = release(wide_links=True)
    with release_dfs(file=files("a: b"), link=links), served.serving() as server:
        assert {*map(seen, names), "to"} <= opened(machine, server)
        assert told(server, "have a reserved character") == 0


def test_a_mount_of_plain_names_is_quiet(release: Callable[..., Release], release_dfs) -> None:
    with release_dfs(), release().serving() as server:
        assert server.log().count(" in a sample of ") == 1  # that of the link counts
        assert "catia" not in server.log()


@contextlib.contextmanager
def without(module: str, release: Release) -> Iterator[None]:
    where = f"/usr/lib/x86_64-linux-gnu/samba/vfs/{module}.so"
    release.in_image(f"mv {where} {where}.away")
    try:
        yield
    finally:
        release.in_image(f"mv {where}.away {where}")


def test_a_samba_without_the_module(every_release, release_dfs) -> None:
    """It serves all the same, and tells what does not open."""
    release = every_release("4.17")
    with without("catia", release), release_dfs(file=files(*NAMES)), release.serving() as server:
        assert "readme.txt" in server.client("dfs", "ls dfs\\*").stdout
        assert "this Samba has no module catia" in server.log()
        reserved = [
            name for name in NAMES if re.search(r'[\x01-\x1f:?"*<>|\\]|[. ]$', name, re.ASCII | re.DOTALL)
        ]
        assert told(server, "hold a reserved character") == len(reserved)

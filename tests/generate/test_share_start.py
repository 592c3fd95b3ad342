"""What the generated server's start must not depend on, and what it finds in its way."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
from harness.processes import wait_until
from harness.releases import Release

JUMPING = """\
#!/bin/sh
[ -e /run/samba/jumped ] && echo 4102444800 || echo 0
: >/run/samba/jumped
"""


def test_a_clock_that_jumps(every_release) -> None:
    """As that of a machine without one of its own does, once it has a network: the wait is as long as set."""
    release = every_release("4.22", mount_wait=4)
    date = release.layer / "usr/local/bin/date"
    date.write_text(JUMPING)
    date.chmod(0o755)
    begin = time.monotonic()
    with release.started() as server:
        assert server.process.wait(30) == 3
        assert time.monotonic() - begin > 3
        assert "(waited 4 s)" in server.log()


def test_a_password_that_begins_and_ends_with_a_space(release: Callable[..., Release], release_dfs) -> None:
    """Who knows it is let in, the health check too."""
    made = release()
    secret = made.folder / "secrets/media"
    before, password = secret.read_text(), ' it\'s "so" \\ '
    secret.write_text(password + "\n")
    try:
        with release_dfs(), made.serving() as server:
            assert "readme.txt" in server.client("dfs", "ls dfs/*", user=f"media%{password}").stdout
            done = server.inside("/usr/local/bin/healthcheck")
            assert done.returncode == 0, done.stdout
    finally:
        secret.write_text(before)


def refusals(log: str) -> list[str]:
    return [line for line in log.splitlines() if line.startswith("nlinkshim: refusing to start: ")]


def test_another_smbd_on_the_port(every_release, release_dfs) -> None:
    """It would start beside that one, and get some of the clients."""
    first, second = every_release("4.17"), every_release("4.22")
    with release_dfs(), first.serving(), second.started() as server:
        assert server.process.wait(15) == 2
        (line,) = refusals(server.log())
        assert f"port {server.port} is taken by a process of uid 0 outside of this container" in line
        assert server.log().count("\n") == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_another_server_on_the_port(address: str, every_release, release_dfs) -> None:
    """Whoever and wherever it is; who has a connection there does not listen."""
    release = every_release("4.22")
    port = release.settings.container_port
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with release_dfs():
        with socket.create_server((address, port), family=family) as listener:
            client = socket.create_connection((address, port))
            kept = listener.accept()[0]
            with release.started() as server:
                assert server.process.wait(15) == 2
                assert f"port {port} is taken by a process of uid 0" in refusals(server.log())[0]
        with client, kept, release.serving() as server:
            assert not refusals(server.log())


def test_the_holder_is_named_where_it_shows(every_release, release_dfs) -> None:
    """The server is left as it is."""
    with release_dfs(), every_release("4.22").serving() as server:
        done = server.inside("/usr/local/bin/entrypoint")
        assert done.returncode == 2
        assert "is taken by process 1 (smbd), and two servers" in done.stderr
        assert "readme.txt" in server.client("dfs", "ls dfs/*").stdout


@pytest.mark.parametrize("size", ["64k", "1m"])
def test_a_state_folder_that_is_too_small(size: str, every_release, release_dfs) -> None:
    with release_dfs(), every_release("4.22").started(f"size={size}") as server:
        assert server.process.wait(15) == 2
        assert "are free in /run/samba; give its tmpfs 64 MiB" in refusals(server.log())[0]
        assert server.log().count("\n") == 1


def test_a_state_folder_of_just_the_size(every_release, release_dfs) -> None:
    with release_dfs(), every_release("4.22").serving("size=8256k") as server:
        wait_until(lambda: server.inside("/usr/local/bin/healthcheck").returncode == 0, 10, "health")

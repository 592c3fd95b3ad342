"""What the generated server's start must not depend on."""

from __future__ import annotations

import time
from collections.abc import Callable

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

"""The health check is about the mount, whatever names it holds."""

from __future__ import annotations

from collections.abc import Callable

from harness.mounts import FuseMount
from harness.releases import Release, Running


def health(server: Running) -> tuple[int, str]:
    done = server.inside("healthcheck")
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_odd_names_do_not_make_it_ill(release: Callable[..., Release], release_dfs):
    """smbclient ends a listing at a name with a backslash, which crosses where there are names that are not
    UTF-8, so that catia is left out."""
    with release_dfs(odd_names=True), release(sentinel="").serving() as server:
        assert "so it is left out" in server.log()
        assert "NT_STATUS_INVALID_NETWORK_RESPONSE" in server.client("dfs", "ls dfs\\*").stdout
        assert health(server) == (0, "")


def test_a_folder_of_odd_names_alone(every_release, release_dfs: Callable[..., FuseMount]):
    odd = ["empty/back\\slash=5", "movies/latin-\udce9=5"]
    with release_dfs(file=odd) as mount:
        server = every_release("4.22", sentinel="", shares=["dfs=empty"])
        with server.serving() as running:
            assert "NT_STATUS_INVALID_NETWORK_RESPONSE" in running.client("dfs", "ls").stdout
            assert health(running) == (0, "")
            mount.kill()
            code, said = health(running)
            assert code == 1
            assert said.startswith("unhealthy: ")

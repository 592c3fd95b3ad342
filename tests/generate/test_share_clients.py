"""Many clients at once, on each Samba: nobody gets an error, and smbd has nothing to complain of."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.releases import Release, Running
from harness.storm import storm

FILES = ["dfs/readme.txt", "dfs/movies/poster.jpg", "dfs/movies/film one.mkv"]
ROUNDS = 100
# all that a server says at log level 1 which has nothing to complain of
QUIET = (
    r"nlinkshim: the link counts of 0 in a sample of \S+ are corrected",
    r"smbd version \S+ started\.",
    r"Copyright Andrew Tridgell and the Samba Team 1992-\d+",
    r"INFO: Profiling turned OFF from pid \d+",
)


def complaints(server: Running) -> list[str]:
    """The lines of its log that are not of a quiet life."""
    return [
        line for line in server.log().splitlines() if not any(re.fullmatch(known, line) for known in QUIET)
    ]


def fetching(server: Running, folder: Path, number: int) -> subprocess.Popen[str]:
    """An smbclient that fetches the files again and again on one connection."""
    gets = [f'get "{name}" {folder}/fetched{number}'.replace("dfs/", "dfs\\") for name in FILES]
    command = [*server.smbclient("dfs"), "-c", ";".join(gets * (ROUNDS // 10))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_many_clients_of_the_same_files(
    release: Callable[..., Release], release_dfs, folder: Path, tell
) -> None:
    """Each session asks, as its user, whether the processes behind the others' locks live; who cannot tell
    takes them for dead, and deletes their locks."""
    with release_dfs(), release().serving() as server:
        fetchers = [fetching(server, folder, number) for number in range(6)]
        failures = storm(server.port, "dfs", FILES, clients=6, rounds=ROUNDS)
        for fetcher in fetchers:
            said, _ = fetcher.communicate(timeout=60)
            assert fetcher.returncode == 0 and "NT_STATUS_" not in said, said
        assert (failures, complaints(server)) == ([], [])
        tell(f"Samba {server.release.version}: 12 clients of {len(FILES)} files, no error, no complaint")


@pytest.mark.parametrize("mode", ["0700", "0755", "1777"])
def test_a_state_folder_of_any_mode(mode: str, every_release, release_dfs, tell) -> None:
    """A runtime may give a tmpfs to root alone."""
    with release_dfs(), every_release("4.17").serving(state=f"mode={mode}") as server:
        assert storm(server.port, "dfs", FILES, clients=4, rounds=30) == []
        assert complaints(server) == []

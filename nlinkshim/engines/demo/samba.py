"""A private smbd for the demo: its own configuration, its own folders, a free port on the loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from nlinkshim.errors import IncompleteError
from nlinkshim.smbd import program

START_SECONDS = 10.0
CLIENT_SECONDS = 20.0

_CONFIGURATION = """\
[global]
    server role = standalone
    map to guest = Bad User
    guest account = root
    smb ports = {port}
    interfaces = lo
    bind interfaces only = yes
    disable spoolss = yes
    load printers = no
    disable netbios = yes
    log file = {folder}/log
    private dir = {folder}/private
    lock directory = {folder}/lock
    state directory = {folder}/state
    cache directory = {folder}/cache
    pid directory = {folder}/pid
    ncalrpc dir = {folder}/ncalrpc
[dfs]
    path = {share}
    guest ok = yes
    guest only = yes
    read only = yes
"""


def missing() -> str | None:
    """Why the demo cannot show Samba here, or None."""
    if os.geteuid() != 0:
        return "a private smbd needs root"
    absent = [name for name in ("smbd", "smbclient") if not program(name)]
    return f"not installed: {', '.join(absent)} (`apt-get install samba smbclient`)" if absent else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(share: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """smbd with `share` as its share dfs, started with `environment`; yields its port."""
    port = _free_port()
    for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
        (folder / name).mkdir(parents=True, mode=0o700, exist_ok=True)
    configuration = folder / "smb.conf"
    configuration.write_text(_CONFIGURATION.format(port=port, folder=folder, share=share))
    process = subprocess.Popen(
        # in a session of its own: a stopping smbd sends SIGTERM to its whole process group
        [str(program()), "-F", "--no-process-group", "-s", str(configuration)],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise IncompleteError("the demo's smbd did not start; run `testparm` to see whether Samba is sound")


def listing(port: int) -> str:
    """What smbclient prints for `ls` on the share, or the error it ends with."""
    command = ["smbclient", "//127.0.0.1/dfs", "-p", str(port), "-N", "-s", "/dev/null", "-c", "ls"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False, stdin=subprocess.DEVNULL
    )
    lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return "\n".join(line for line in lines if "blocks of size" not in line)

"""A private smbd that needs no set-up of the system, and smbclient against it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import processes

GLOBAL = """\
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
    unix extensions = no
    allow insecure wide links = yes
    log level = 1
    log file = {folder}/log/smbd.log
    private dir = {folder}/private
    lock directory = {folder}/lock
    state directory = {folder}/state
    cache directory = {folder}/cache
    pid directory = {folder}/pid
    ncalrpc dir = {folder}/ncalrpc
"""
SHARE = """\
[{name}]
    path = {path}
    guest ok = yes
    guest only = yes
    read only = yes
"""
STATE_FOLDERS = ["private", "lock", "state", "cache", "pid", "ncalrpc", "log"]


@dataclass(frozen=True)
class Share:
    """What one share serves. `options` are further lines of smb.conf."""

    path: Path
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Server:
    port: int
    folder: Path
    pid: int

    def client(self, share: str, command: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run smbclient commands on a share. Its exit status and output are for the caller to judge."""
        return processes.run(
            [
                "smbclient",
                f"//127.0.0.1/{share}",
                "-p",
                str(self.port),
                "-N",
                "-s",
                "/dev/null",
                "-c",
                command,
            ],
            check=False,
            timeout=timeout,
        )

    def add_user(self, name: str, password: str) -> None:
        """Let a user of this machine log in by SMB too."""
        processes.run(
            ["smbpasswd", "-c", str(self.folder / "smb.conf"), "-s", "-a", name],
            stdin=None,
            input=f"{password}\n{password}\n",
        )

    def log(self) -> str:
        files = [path for path in sorted((self.folder / "log").iterdir()) if path.is_file()]
        return "\n".join(path.read_text(errors="replace") for path in files)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


@contextlib.contextmanager
def serve(
    folder: Path,
    shares: Mapping[str, Share],
    env: Mapping[str, str] | None = None,
    command: tuple[str, ...] = ("smbd",),
    port: int | None = None,
) -> Iterator[Server]:
    """smbd with these shares, with `env` added to its environment (the preload, say). `command` starts it: a
    copy of another name, or a container. `port` is that of a server before it, which clients still know."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in STATE_FOLDERS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    port = port or free_port()
    text = GLOBAL.format(port=port, folder=folder)
    for name, share in shares.items():
        text += SHARE.format(name=name, path=share.path) + "".join(f"    {line}\n" for line in share.options)
    config = folder / "smb.conf"
    config.write_text(text)
    with (folder / "log" / "stderr").open("w") as log:
        # A session of its own (start() gives one): a stopping smbd sends SIGTERM to its whole process group.
        process = processes.start(
            [*command, "-F", "--no-process-group", "-s", str(config)],
            env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin", **(env or {})},
            stdout=log,
            stderr=log,
        )
        server = Server(port, folder, process.pid)

        def ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"smbd ended with {process.returncode}: {server.log()[-3000:]}")
            return answers(port)

        try:
            processes.wait_until(ready, 15, "starting smbd")
            yield server
        finally:
            processes.stop(process)

"""smbclient and smbprotocol against a generated server, as its user."""

from __future__ import annotations

import contextlib
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from smbprotocol.connection import Connection
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from . import processes

PASSWORD = "correct horse, battery"  # noqa: S105
USER = f"media%{PASSWORD}"


@contextlib.contextmanager
def connected(port: int) -> Iterator[TreeConnect]:
    """smbprotocol's tree of the share dfs."""
    connection = Connection(uuid.uuid4(), "127.0.0.1", port)
    connection.connect()
    try:
        session = Session(connection, *USER.split("%"))
        session.connect()
        tree = TreeConnect(session, r"\\127.0.0.1\dfs")
        tree.connect()
        yield tree
    finally:
        connection.disconnect(close=False)


class Reached:
    """A server that listens on a port of this machine."""

    @property
    def port(self) -> int:
        raise NotImplementedError

    def client(
        self, share: str, command: str, *flags: str, user: str | None = USER
    ) -> subprocess.CompletedProcess[str]:
        """Run smbclient commands from this machine. Its exit status is for the caller to judge."""
        return processes.run([*self.smbclient(share, *flags, user=user), "-c", command], check=False)

    def smbclient(self, share: str, *flags: str, user: str | None = USER) -> list[str]:
        who = ["-N"] if user is None else ["-U", user]
        return [
            "smbclient",
            f"//127.0.0.1/{share}",
            f"--port={self.port}",
            "-s",
            "/dev/null",
            *who,
            *flags,
        ]

    @contextlib.contextmanager
    def staying_client(self, share: str) -> Iterator[StayingClient]:
        process = subprocess.Popen(
            ["stdbuf", "--output=L", *self.smbclient(share)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield StayingClient(process)
        finally:
            process.kill()
            process.communicate()


@dataclass(frozen=True)
class StayingClient:
    """One smbclient, that is, one connection to the server, that is given a command after the other.

    Each command must print something. smbclient waits for more input even if it has read the next line
    already, so that must come later.
    """

    process: subprocess.Popen[str]
    asked: list[str] = field(default_factory=list)

    def ask(self, command: str) -> str:
        """What it prints for a command. A second one that it does not know marks the end."""
        self.asked.append(command)
        mark = f"mark{len(self.asked)}"
        self._send(command)
        lines = [self._line()]
        self._send(mark)
        while True:
            line = self._line()
            if line.startswith(f"{mark}: command not found"):
                return "".join(lines)
            lines.append(line)

    def _send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        while line.startswith('Try "help"'):
            line = self.process.stdout.readline()
        assert line, f"smbclient ended: {self.asked}"
        return line

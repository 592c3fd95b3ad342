"""Many clients at once, each with a process and a connection: they open, read and close the same files."""

from __future__ import annotations

import multiprocessing
import uuid

from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBException
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FileAttributes,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from .clients import USER


def storm(port: int, share: str, names: list[str], clients: int, rounds: int) -> list[str]:
    """What went wrong for the clients, one line a failure."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(clients) as pool:
        work = [(port, share, names, rounds)] * clients
        return [line for lines in pool.starmap(_client, work, chunksize=1) for line in lines]


def _client(port: int, share: str, names: list[str], rounds: int) -> list[str]:
    failures = []
    connection = Connection(uuid.uuid4(), "127.0.0.1", port)
    connection.connect(timeout=20)
    try:
        session = Session(connection, *USER.split("%"))
        session.connect()
        tree = TreeConnect(session, rf"\\127.0.0.1\{share}")
        tree.connect()
        for turn in range(rounds):
            name = names[turn % len(names)]
            try:
                _read(tree, name)
            except SMBException as error:
                failures.append(f"{name}: {error}")
    finally:
        connection.disconnect(close=False)
    return failures


def _read(tree: TreeConnect, name: str) -> None:
    file = Open(tree, name.replace("/", "\\"))
    file.create(
        ImpersonationLevel.Impersonation,
        FilePipePrinterAccessMask.FILE_READ_DATA | FilePipePrinterAccessMask.FILE_READ_ATTRIBUTES,
        FileAttributes.FILE_ATTRIBUTE_NORMAL,
        ShareAccess.FILE_SHARE_READ,
        CreateDisposition.FILE_OPEN,
        CreateOptions.FILE_NON_DIRECTORY_FILE,
    )
    file.read(0, 4)
    file.close()

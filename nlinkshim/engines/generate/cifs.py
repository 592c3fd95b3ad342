"""How consumers mount the share with the kernel's CIFS client."""

from __future__ import annotations

from dataclasses import dataclass

from nlinkshim.engines.generate.model import Model

SMB_PORT = 445
# what mount.cifs calls the dialects from min_protocol up
VERSIONS = {"SMB2_10": "default", "SMB3_00": "3", "SMB3_02": "3", "SMB3_11": "3.1.1"}


@dataclass(frozen=True)
class MountOption:
    """An option of mount.cifs, and why it is given."""

    text: str
    reason: str


def mount_options(model: Model) -> tuple[MountOption, ...]:
    """The options that every consumer mounts with; credentials come apart from these."""
    given = model.settings
    rows = [
        (f"vers={VERSIONS[given.min_protocol]}", "the dialects that the server speaks"),
        ("rw", "as the share") if given.writable else ("ro", "as the share"),
        (
            "iocharset=utf8",
            "names as UTF-8: where the kernel's default is another, those with other letters do not open",
        ),
        (
            "noserverino",
            "inode numbers of the client's own. With the server's, which may change when it restarts,"
            " an open working folder stayed ESTALE; with this it recovered",
        ),
        (
            "nosharesock",
            "a connection of its own. With one that had fallen silent a new mount was there after 23 s;"
            " sharing it, not after 100 s",
        ),
        (
            "soft",
            "the default, said aloud: with the server away a call fails (EHOSTDOWN after 10 to 12 s)"
            " instead of hanging until it is back",
        ),
        (
            "echo_interval=5",
            "a server that is silent is given up after 43 s; with the default of 60 it was 191 s",
        ),
        (
            f"uid={model.client_uid}",
            "the share has no owners that a client could see: give all to this user,",
        ),
        (f"gid={model.client_uid}", "and to this group;"),
        (
            f"file_mode=0{'664' if given.writable else '444'}",
            "everyone may read, whatever their container's user",
        ),
        (f"dir_mode=0{'775' if given.writable else '555'}", "and enter"),
    ]
    if given.encryption == "required":
        rows.append(("seal", "insist on encryption, as the server does"))
    if model.client_user is None:
        rows.append(("guest", "no name, no password"))
    if given.port != SMB_PORT:
        rows.append((f"port={given.port}", "not the standard one"))
    return tuple(MountOption(*row) for row in rows)

"""What changes behind smbd, as everything on a FUSE mount does, is seen by its clients, on each Samba."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from harness import guest
from harness.clients import PASSWORD, connected
from harness.processes import wait_until
from harness.releases import SUITES, Release
from smbprotocol.create_contexts import (
    CreateContextName,
    LeaseState,
    SMB2CreateContextRequest,
    SMB2CreateRequestLeaseV2,
)
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    DirectoryAccessMask,
    FileAttributes,
    ImpersonationLevel,
    Open,
    RequestedOplockLevel,
    ShareAccess,
)

from nlinkshim.engines.generate.cifs import mount_options

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def machine() -> Iterator[guest.Machine]:
    with guest.boot() as machine:
        yield machine


def lease_of_a_folder(port: int, name: str) -> int:
    """What a client is granted that asks for all that a folder's lease can be."""
    with connected(port) as tree:
        lease = SMB2CreateRequestLeaseV2()
        lease["lease_key"] = uuid.uuid4().bytes
        lease["parent_lease_key"] = bytes(16)
        lease["epoch"] = bytes(2)
        lease["lease_state"] = LeaseState.SMB2_LEASE_READ_CACHING | LeaseState.SMB2_LEASE_HANDLE_CACHING
        context = SMB2CreateContextRequest()
        context["buffer_name"] = CreateContextName.SMB2_CREATE_REQUEST_LEASE_V2
        context["buffer_data"] = lease
        folder = Open(tree, name)
        granted = folder.create(
            ImpersonationLevel.Impersonation,
            DirectoryAccessMask.FILE_LIST_DIRECTORY | DirectoryAccessMask.FILE_READ_ATTRIBUTES,
            FileAttributes.FILE_ATTRIBUTE_DIRECTORY,
            ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE,
            CreateDisposition.FILE_OPEN,
            CreateOptions.FILE_DIRECTORY_FILE,
            create_contexts=[context],
            oplock_level=RequestedOplockLevel.SMB2_OPLOCK_LEVEL_LEASE,
        )
        folder.close()
        states = [each["lease_state"].get_value() for each in granted or []]
        return states[0] if states else 0


def test_no_lease_of_a_folder(release: Callable[..., Release], release_dfs) -> None:
    with release_dfs(), release().serving() as server:
        assert lease_of_a_folder(server.port, r"dfs\movies") == 0


@pytest.mark.parametrize("version", list(SUITES))
def test_the_kernels_client_sees_changes(
    version: str, every_release, release_dfs, machine: guest.Machine, tell
) -> None:
    """It polls a listing, as a media server does, while a file comes and another goes."""
    built = every_release(version)
    options = [option.text for option in mount_options(built.model) if not option.text.startswith("port=")]
    machine.run(f"printf 'username=media\\npassword={PASSWORD}\\n' >/run/login")
    with release_dfs() as mount, built.serving() as server:
        source = built.model.client_source(guest.HOST)
        machine.mount(
            source, "/mnt/dfs", port=server.port, options=",".join([*options, "credentials=/run/login"])
        )
        try:

            def listed() -> set[str]:
                return set(machine.run("ls /mnt/dfs/movies").output.splitlines())

            for _ in range(3):
                assert {"film one.mkv", "poster.jpg"} <= listed()
                time.sleep(0.3)
            changed = time.monotonic()
            (mount / "movies/new.mkv").touch()
            (mount / "movies/poster.jpg").unlink()
            wait_until(
                lambda: "new.mkv" in (now := listed()) and "poster.jpg" not in now, 20, "seeing the changes"
            )
            seconds = time.monotonic() - changed
            tell(f"Samba {version}: a kernel client saw a new and a removed file after {seconds:.1f} s")
            assert seconds < 2
        finally:
            machine.run("umount -l /mnt/dfs")

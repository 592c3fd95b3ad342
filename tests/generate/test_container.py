"""The generated container, built and run: it serves the mount to those who may, and no more than it must."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import gofuse
from harness.cli import nlinkshim
from harness.clients import PASSWORD, USER
from harness.images import SHIM, Container, Image
from smbprotocol.connection import Connection
from smbprotocol.exceptions import AccessDenied
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

import nlinkshim as package

pytestmark = pytest.mark.timeout(300)  # the first test that needs an image builds it

FILM = ("movies/film one.mkv", 3145735)
CAPABILITIES = 1 << 6 | 1 << 7  # CAP_SETGID, CAP_SETUID (linux/capability.h)


@pytest.fixture(scope="module")
def plain(image) -> Image:
    return image(sentinel="readme.txt")


@pytest.fixture(scope="module")
def served(plain: Image, gofuse_program: Path) -> Iterator[Container]:
    with gofuse.mount(gofuse_program, plain.parent / "dfs"), plain.serving() as container:
        yield container


def fetched(container: Container, share: str, name: str, folder: Path) -> bytes:
    done = container.client(share, f'get "{name}" "{folder}/fetched"')
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "fetched").read_bytes()


def test_a_user_lists_and_reads(served: Container, folder: Path):
    listed = served.client("dfs", 'ls "dfs\\movies\\*"', "--client-protection=encrypt")
    assert listed.returncode == 0, listed.stdout
    assert re.search(rf"film one\.mkv +N +{FILM[1]} ", listed.stdout)
    content = fetched(served, "dfs", "dfs\\" + FILM[0].replace("/", "\\"), folder)
    assert (
        hashlib.sha256(content).digest()
        == hashlib.sha256(gofuse.expected_content("film one.mkv", FILM[1])).digest()
    )
    assert f"the link counts of 0 in a sample of {served.image.parent}/dfs are corrected" in served.log()


def test_reserved_characters_are_mapped_by_the_images_own_samba(served: Container):
    assert "this Samba has no module catia" not in served.log()
    assert "vfs objects = catia" in served.inside("cat", "/run/samba/names.conf").stdout


def test_the_shares_are_told_to_a_user(served: Container):
    assert "dfs             Disk" in served.client("", "", "-L", "127.0.0.1").stdout


@pytest.mark.parametrize(
    ("user", "flags", "answer"),
    [
        (None, [], "NT_STATUS_ACCESS_DENIED"),
        ("nobody%", [], "NT_STATUS_LOGON_FAILURE"),
        ("media%wrong", [], "NT_STATUS_LOGON_FAILURE"),
        (f"media%{PASSWORD}", ["--option=client max protocol=SMB3_02"], "NT_STATUS_"),
    ],
    ids=["guest", "unknown user", "wrong password", "old dialect"],
)
def test_others_are_refused(served: Container, user: str | None, flags: list[str], answer: str):
    done = served.client("dfs", "ls dfs\\*", *flags, user=user)
    assert done.returncode != 0
    assert answer in done.stdout + done.stderr
    assert "readme.txt" not in done.stdout


def test_a_client_that_does_not_encrypt_is_refused(served: Container):
    """smbclient does as the server wants; this one goes on in plain text."""
    connection = Connection(uuid.uuid4(), "127.0.0.1", served.image.port)
    connection.connect()
    try:
        session = Session(connection, *USER.split("%"), require_encryption=False)
        session.connect()
        assert session.encrypt_data, "the server did not ask for it"
        for encrypt in (True, False):
            session.encrypt_data = encrypt
            with contextlib.nullcontext() if encrypt else pytest.raises(AccessDenied):
                TreeConnect(session, r"\\127.0.0.1\dfs").connect(require_secure_negotiate=False)
    finally:
        connection.disconnect(close=False)


def test_refused_logins_are_logged(served: Container):
    served.client("dfs", "ls", user="media%wrong")
    assert re.search(r"user \[.*\]\\\[media\].* status \[NT_STATUS_WRONG_PASSWORD\]", served.log())


def test_it_is_read_only(served: Container):
    assert "NT_STATUS_ACCESS_DENIED" in served.client("dfs", "mkdir dfs\\new").stdout
    assert "NT_STATUS_ACCESS_DENIED" in served.client("dfs", "rm dfs\\readme.txt").stdout
    for path in ("/new", "/etc/new", "/tmp/new", f"{served.image.parent}/new"):
        assert "Read-only file system" in served.inside("touch", path).stderr
    assert served.inside("touch", "/run/samba/new").returncode == 0


def test_healthy(served: Container):
    assert served.health() == (True, "")


def test_no_python(served: Container):
    found = served.inside("find", "/", "-xdev", "-iname", "*python*", "-not", "-path", "/usr/share/*").stdout
    assert found == ""
    assert served.inside("dpkg", "--audit").stdout == ""


def test_the_packages_are_whole(plain: Image):
    """What was copied beside them leaves nothing for apt to complain about."""
    run = [
        "podman",
        "run",
        "--rm",
        "--network=none",
        "--entrypoint=apt-get",
        f"localhost/nlinkshim-smbd:{plain.name}",
    ]
    done = plain.store.run(*run, "check", check=False)
    assert done.returncode == 0 and "E:" not in done.stderr, done.stderr


def test_each_process_has_two_capabilities_and_no_new_privileges(served: Container):
    with served.staying_client("dfs") as client:
        client.ask("ls dfs\\*")
        pids = [pid for pid, args in served.processes().items() if not args.startswith("sleep ")]
        assert len(pids) >= 4, pids
        for pid in pids:
            status = dict(
                re.findall(r"^(\w+):\t(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
            )
            # a process that became its user has none in effect
            assert int(status["CapPrm"], 16) | CAPABILITIES == CAPABILITIES
            assert int(status["CapBnd"], 16) == CAPABILITIES
            assert int(status["CapAmb"], 16) == int(status["CapInh"], 16) == 0
            assert status["NoNewPrivs"] == "1"


def test_status_from_the_host(served: Container):
    """The shim is in smbd and each of its children, and corrects."""
    with served.staying_client("dfs") as client:
        client.ask("ls dfs\\*")
        pids = [pid for pid, args in served.processes().items() if re.match("smbd[ :]", args)]
        assert len(pids) >= 4, pids
        for pid in pids:
            outcome = nlinkshim("status", "--format", "json", "--pid", pid)
            assert outcome.code == 0, outcome
            (process,) = outcome.document["processes"]
            assert process["effective"] and process["problem"] is None
            assert (process["shim_path"], process["shim_version"]) == (SHIM, package.__version__)
        assert sum(seen(pid)["corrected"] for pid in pids) > 0


def seen(pid: int) -> dict:
    return nlinkshim("status", "--format", "json", "--pid", pid).document["processes"][0]


def test_nothing_secret_is_in_the_image_or_on_a_command_line(served: Container):
    image = served.image
    assert PASSWORD not in image.store.podman("inspect", f"localhost/nlinkshim-smbd:{image.name}")
    assert PASSWORD not in served.log()
    assert PASSWORD not in json.dumps(list(served.processes().values()))
    health = served.inside("stat", "--format=%a %U", "/run/samba/health").stdout
    assert health.strip() == "600 root"

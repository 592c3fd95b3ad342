"""Many clients at once, of the kernel and of Samba: none fails, and smbd has nothing to complain of."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from harness import processes
from harness.guest import Job

from lab.consumer import Consumer
from lab.lab import PASSWORD, Lab
from nlinkshim.engines.generate.cifs import mount_options

pytestmark = pytest.mark.timeout(240)

KERNEL_MOUNTS = 12  # in all guests together
ROUNDS = 200
FILES = ("movies/film two.mkv", "movies/poster.jpg", "shows/season 1/e01.mkv")
SMBCLIENTS = 6
SMBCLIENT_ROUNDS = 25
SHOWN = 40  # complaints
# What smbd says at level 1 when it starts and when clients come. All else is a complaint.
EXPECTED = (
    r"nlinkshim: .*",
    r"smbd version \S+ started\.",
    r"Copyright Andrew Tridgell and the Samba Team .*",
    r"INFO: Profiling turned OFF from pid \d+",
    # since 4.22: the kernel's client asks whether the name by which it mounts is one of DFS
    r"parse_dfs_path_strict: Hostname \S+ is not ours\.",
    r"",
)


def mount_often(consumer: Consumer, mounts: int) -> list[str]:
    """Mount the share that many times by the generated options."""
    model = consumer.model
    assert model.client_user is not None
    options = [option.text for option in mount_options(model)]
    assert "nosharesock" in options
    login = f"/run/login-{consumer.name}"
    consumer.machine.run(
        f"printf 'username=%s\npassword=%s\n' {model.client_user.name} {shlex.quote(PASSWORD)} >{login}"
    )
    joined = ",".join([*options, f"credentials={login}"])
    source = shlex.quote(model.client_source(model.service_host))
    targets = [f"/run/storm/{number}" for number in range(mounts)]
    for target in targets:
        consumer.machine.run(f"mkdir -p {target} && mount.cifs {source} {target} -o {joined}", timeout=60)
    return targets


def start_reading(consumer: Consumer, mounts: list[str]) -> Job:
    words = ["python3", "-I", "-S", "/run/lab/storm.py", str(ROUNDS), *FILES, "--", *mounts]
    return consumer.machine.start(shlex.join(words))


def start_smbclient(lab: Lab, login: Path) -> subprocess.Popen[str]:
    """An smbclient on another node that fetches the files and lists the root, many times."""
    share = lab.model.shares[0]
    names = [f"{share.inside}/{name}".replace("/", "\\") for name in FILES]
    once = [*(f'get "{name}" /dev/null' for name in names), f'ls "{share.inside}\\*"']
    commands = ";".join(once * SMBCLIENT_ROUNDS)
    other = next(node for node in lab.nodes.values() if node is not lab.node)
    port = str(lab.model.settings.container_port)
    return processes.start(
        other.here.inside(
            *["smbclient", f"//{lab.node.address}/{share.name}", "-p", port, "-s", "/dev/null"],
            *["-A", str(login), "-c", commands],
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_many_clients_at_once(lab: Lab, folder: Path, tell):
    begin = time.monotonic()
    share = KERNEL_MOUNTS // len(lab.consumers)
    mounts = {consumer: mount_often(consumer, share) for consumer in lab.consumers.values()}
    mounted = time.monotonic() - begin
    jobs = [start_reading(consumer, targets) for consumer, targets in mounts.items()]
    login = folder / "login"
    assert lab.model.client_user is not None
    login.write_text(f"username = {lab.model.client_user.name}\npassword = {PASSWORD}\n")
    with contextlib.ExitStack() as stack:
        clients = [start_smbclient(lab, login) for _ in range(SMBCLIENTS)]
        for client in clients:
            stack.callback(processes.stop, client)
        said = [client.communicate(timeout=200)[0] for client in clients]
        seen = [json.loads(job.result(200).output) for job in jobs]
    seconds = time.monotonic() - begin - mounted
    good = sum(one["good"] for one in seen)
    complaints = [line for line in lab.container.log().splitlines() if not is_expected(line)]
    tell(
        f"{KERNEL_MOUNTS} kernel mounts (ready in {mounted:.1f} s) and {SMBCLIENTS} smbclients: {good} reads"
        f" in {seconds:.1f} s, {len(complaints)} complaints of smbd"
    )
    wanted_good = KERNEL_MOUNTS * ROUNDS * len(FILES)
    failures = [f"{one['errors']} seen by a guest" for one in seen if one["errors"]]
    failures += [
        text[-1000:] for client, text in zip(clients, said, strict=True) if not is_good(client, text)
    ]
    failures += complaints[:SHOWN]
    assert not failures and good == wanted_good, "\n".join(
        [f"{good} good reads of {wanted_good}", *failures, "Expected of smbd's log:", *EXPECTED]
    )


def is_good(client: subprocess.Popen[str], text: str) -> bool:
    """Whether smbclient ended well and did all it was asked for."""
    fetched, listed = text.count("getting file"), text.count("readme.txt")
    all_done = (fetched, listed) == (SMBCLIENT_ROUNDS * len(FILES), SMBCLIENT_ROUNDS)
    return client.returncode == 0 and "NT_STATUS" not in text and all_done


def is_expected(line: str) -> bool:
    return any(re.fullmatch(pattern, line.strip()) for pattern in EXPECTED)

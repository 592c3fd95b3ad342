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
from nlinkshim.generator.cifs import mount_options

pytestmark = pytest.mark.timeout(240)

KERNEL_MOUNTS = 12  # in all guests together
ROUNDS = 200
FILES = ("movies/film two.mkv", "movies/poster.jpg", "shows/season 1/e01.mkv")
SMBCLIENTS = 6
SMBCLIENT_ROUNDS = 25
# What smbd says at level 1 when it starts and when clients come. All else is a complaint.
EXPECTED = (
    r"nlinkshim: .*",
    r"smbd version \S+ started\.",
    r"Copyright Andrew Tridgell and the Samba Team .*",
    r"INFO: Profiling turned OFF from pid \d+",
    r"",
)


def start_kernel_clients(consumer: Consumer, mounts: int) -> Job:
    """Mount the share that many times by the generated options, and read by all of them."""
    model = consumer.model
    assert model.client_user is not None
    options = [option.text for option in mount_options(model)]
    login = f"/run/login-{consumer.name}"
    source = shlex.quote(model.client_source(model.service_host))
    targets = [f"/run/storm/{number}" for number in range(mounts)]
    consumer.machine.run(
        f"printf 'username=%s\\npassword=%s\\n' {model.client_user.name} {shlex.quote(PASSWORD)} >{login}"
    )
    assert "nosharesock" in options
    joined = ",".join([*options, f"credentials={login}"])
    for target in targets:
        consumer.machine.run(f"mkdir -p {target} && mount.cifs {source} {target} -o {joined}", timeout=60)
    words = ["python3", "-I", "-S", "/run/lab/storm.py", str(ROUNDS), *FILES, "--", *targets]
    return consumer.machine.start(shlex.join(words))


def start_smbclient(lab: Lab, folder: Path) -> subprocess.Popen[str]:
    """An smbclient on another node that fetches the files and lists the root, many times."""
    login = folder / "login"
    user = lab.model.client_user
    assert user is not None
    login.write_text(f"username = {user.name}\npassword = {PASSWORD}\n")
    share = lab.model.shares[0]
    once = [f'get "{share.inside}/{name}" /dev/null'.replace("/", "\\") for name in FILES]
    once = [line.replace("\\dev\\null", "/dev/null") for line in once]
    commands = ";".join([*once, f'ls "{share.inside}\\*"'] * SMBCLIENT_ROUNDS)
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
    jobs = [start_kernel_clients(consumer, share) for consumer in lab.consumers.values()]
    mounted = time.monotonic() - begin
    with contextlib.ExitStack() as stack:
        clients = [start_smbclient(lab, folder) for _ in range(SMBCLIENTS)]
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
    assert [one["errors"] for one in seen] == [{}] * len(seen)
    assert good == KERNEL_MOUNTS * ROUNDS * len(FILES)
    for client, text in zip(clients, said, strict=True):
        assert client.returncode == 0 and "NT_STATUS" not in text, text[-2000:]
        assert text.count("getting file") == SMBCLIENT_ROUNDS * len(FILES), text[-2000:]
        assert text.count("readme.txt") == SMBCLIENT_ROUNDS, text[-2000:]
    assert not complaints, (
        "smbd said what is not expected of it:\n" + "\n".join(complaints[:40]) + f"\nExpected: {EXPECTED}"
    )


def is_expected(line: str) -> bool:
    return any(re.fullmatch(pattern, line.strip()) for pattern in EXPECTED)

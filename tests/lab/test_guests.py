"""A guest of qemu has what a consumer needs, as one of User-mode Linux has."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.capability import require

from lab import lab, network, qemu


@pytest.mark.long_drill
@pytest.mark.timeout(180)
def test_a_guest_of_qemu(folder: Path):
    require("lab", "guest")
    given = folder / "guests"
    (given / "secrets").mkdir(parents=True)
    (given / "secrets/media").write_text("secret")
    (given / "hosts").write_text("10.96.0.10 service\n")
    for program in lab.PROGRAMS:
        (given / program).write_bytes((Path(lab.__file__).with_name(program)).read_bytes())
    with (
        network.switch() as switch,
        network.namespaces() as server,
        qemu.launched(switch, "consumer", "10.77.0.11", given) as machine,
    ):
        switch.plug("server", server, "10.77.0.1")
        machine.wait_until_booted()
        for program in ("witness.py", "poller.py"):
            assert "usage" in machine.run(f"python3 -I -S /run/lab/{program} --help").output
        assert machine.run("cat /run/lab/secrets/media").output == "secret"
        rule = "OUTPUT -p tcp -d service --dport 445 -j"
        machine.run(f"iptables-legacy -w -t nat -A {rule} DNAT --to-destination 10.77.0.1:10445")
        machine.run(f"iptables-legacy -w -A {rule} REJECT")
        machine.run("mkdir /srv/x && mount --bind /srv/x /srv/x && perl -e 'syscall(39) > 0 or die'")
        machine.run("busybox ping -c 1 -W 5 10.77.0.1")

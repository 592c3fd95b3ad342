"""The emulated machine itself: what tests in it rely on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from harness import guest, guest_image
from harness.capability import require


@pytest.fixture(scope="module")
def machine() -> Iterator[guest.Machine]:
    require("guest")
    with guest.boot(
        files={"/opt/given": "#!/bin/sh\necho given $1\n", "/opt/init": guest_image.INIT}
    ) as machine:
        yield machine


def test_commands(machine):
    assert machine.run("echo out; echo err >&2; exit 3", check=False).status == 3
    assert machine.run("echo out; echo err >&2").output == "out\nerr\n"
    assert machine.run("printf 'h\\351ros %s' '$x'").output == "h\udce9ros $x"
    assert machine.run("seq 100000 | md5sum; seq 100000").output.splitlines()[1:] == [
        *map(str, range(1, 100001))
    ]
    assert 0.5 <= machine.run("sleep 0.5").seconds < 3


def test_files(machine):
    assert machine.run("/opt/given this").output == "given this\n"
    assert machine.run("cat /opt/init").output == guest_image.INIT.read_text()


def test_background_commands(machine):
    waiting = machine.start("until [ -e /run/go ]; do sleep 0.05; done; echo gone")
    assert machine.run("touch /run/other; echo meanwhile").output == "meanwhile\n"
    assert not waiting.done()
    machine.run("touch /run/go")
    assert waiting.result().output == "gone\n"


def test_what_mounter_scripts_use(machine):
    """In a mount namespace, with the exit statuses of a Debian system."""
    script = """
        mkdir -p /mnt/x && mount -t tmpfs none /mnt/x && mountpoint /mnt/x && stat -f -c %T /mnt/x
        cd /mnt/x && umount -l /mnt/x; mountpoint /mnt/x
        timeout -k 1 0.2 sleep 5; echo $?
    """
    expected = ["/mnt/x is a mountpoint", "tmpfs", "/mnt/x is not a mountpoint", "124"]
    assert machine.run(script).output.splitlines() == expected
    assert machine.run(f"unshare -m sh -c '{script}'").output.splitlines() == expected


def test_failures_are_bounded_and_explained(machine):
    machine.run("echo seen on the console >/dev/console")
    with pytest.raises(AssertionError, match=r"(?s)ended with 7: why.*console:.*seen on the console"):
        machine.run("echo why; exit 7")
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"(?s)'sleep 60' takes longer than 0.5 s.*seen on the console"):
        machine.run("sleep 60", timeout=0.5)
    assert time.monotonic() - began < 2
    assert machine.run("echo goes on").output == "goes on\n"


def test_a_guest_that_dies_is_explained():
    require("guest")
    with (
        pytest.raises(RuntimeError, match=r"(?s)the guest ended, qemu with 0.*my last words.*Kernel panic"),
        guest.boot(files={"/init": "#!/bin/sh\necho my last words\n"}),
    ):
        pass

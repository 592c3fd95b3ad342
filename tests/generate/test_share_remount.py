"""The FUSE server is replaced while kernel clients hold files of its mount open, on each Samba."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from generate.test_share_clients import complaints
from harness import guest, mounts
from harness.clients import PASSWORD
from harness.processes import wait_until
from harness.releases import SUITES, Running

from nlinkshim.engines.generate.cifs import mount_options

pytestmark = pytest.mark.timeout(300)

# Every look of a consumer: it reads from the file that it holds and from one that it opens, and lists.
# A line a look: the time when it began and ended, and what failed.
WITNESS = """
    cd /
    exec 3<{held}
    until [ -e /run/end ]; do
        read -r begun _ </proc/uptime
        failed=
        # far on, where nothing was read ahead
        [ "$(dd bs=4096 count=1 skip=16384 <&3 2>/dev/null | wc -c)" = 4096 ] || failed=held
        [ "$(dd if={target}/"movies/film two.mkv" bs=4096 count=1 2>/dev/null | wc -c)" = 4096 ] ||
            failed=$failed,opened
        [ -n "$(ls {target}/movies 2>/dev/null)" ] || failed=$failed,listed
        read -r ended _ </proc/uptime
        echo "$begun $ended $failed"
        sleep 0.05
    done
"""
NOTICED = "was mounted anew: clients connect anew"
LONG = f"long.mkv={1 << 36}"  # 1,024 looks far


@dataclass(frozen=True)
class Look:
    begun: float
    ended: float
    failed: str


@pytest.fixture(scope="module")
def machine() -> Iterator[guest.Machine]:
    with guest.boot() as machine:
        machine.run(f"printf 'username=media\\npassword={PASSWORD}\\n' >/run/login")
        yield machine


@contextlib.contextmanager
def watching(
    machine: guest.Machine, server: Running, target: str, held: str
) -> Iterator[Callable[[], list[Look]]]:
    """A consumer with a mount of its own; called, it ends and gives its looks."""
    model = server.release.model
    options = [option.text for option in mount_options(model) if not option.text.startswith("port=")]
    options.append("credentials=/run/login")
    machine.mount(model.client_source(guest.HOST), target, port=server.port, options=",".join(options))
    job = machine.start(WITNESS.format(target=target, held=held))

    def seen() -> list[Look]:
        lines = job.result(60).output.splitlines()
        found = [re.fullmatch(r"(\S+) (\S+) ?(.*)", line) for line in lines]
        return [Look(float(look[1]), float(look[2]), look[3]) for look in found if look]

    try:
        yield seen
    finally:
        machine.run("touch /run/end; sleep 0.5; umount -l " + target)


def recovery(looks: list[Look], since: float) -> float:
    """Seconds from then until the last look that failed had ended."""
    return max((look.ended - since for look in looks if look.failed and look.ended > since), default=0.0)


@pytest.mark.parametrize("version", list(SUITES))
def test_a_held_file_works_again(
    version: str, every_release, release_dfs, machine: guest.Machine, tell
) -> None:
    machine.run("rm -f /run/end")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(release_dfs(file=[LONG]))
        server = stack.enter_context(every_release(version).serving())
        holder = stack.enter_context(watching(machine, server, "/mnt/holder", "/mnt/holder/long.mkv"))
        other = stack.enter_context(watching(machine, server, "/mnt/other", "/dev/zero"))
        time.sleep(4)
        first.kill()
        mounts.detach(first.path)
        time.sleep(1)
        stack.enter_context(release_dfs(file=[LONG]))
        remounted = float(machine.run("cut -d' ' -f1 /proc/uptime").output)
        wait_until(lambda: NOTICED in server.log(), 5, "noticing the new mount")
        noticed = float(machine.run("cut -d' ' -f1 /proc/uptime").output)
        time.sleep(6)
        machine.run("touch /run/end")
        held, others = holder(), other()
        blocked = max(look.ended - look.begun for look in others if look.ended >= noticed - 1)
        usual = sorted(look.ended - look.begun for look in others)[len(others) // 2]
        tell(
            f"Samba {version}: after the remount the holder was well in {recovery(held, remounted):.1f} s, "
            f"the others in {recovery(others, remounted):.1f} s, whose longest look took {blocked:.2f} s "
            f"({usual:.2f} s as usual)"
        )
        assert not held[0].failed and not others[0].failed
        assert any("held" in look.failed for look in held), "nothing was held of the dead mount"
        assert recovery(held, remounted) < 5
        assert recovery(others, remounted) < 5
        # a restart of the container takes 3 s
        assert blocked - usual < 2
        limits = Path(f"/proc/{server.first}/limits").read_text()
        assert re.search(r"^Max core file size +0 ", limits, re.MULTILINE)
        assert complaints(server) == [f"nlinkshim: {server.release.model.mount} {NOTICED}"]

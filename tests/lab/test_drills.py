"""What the consumers see when a part fails or is moved: each drill tells the outages of each kind of look."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from lab import outages
from lab.lab import Lab

pytestmark = pytest.mark.timeout(180)

# Seconds that a drill leaves the service, or the mount, away.
MOVING = 5.0
REPLACING = 3.0


def conclude(lab: Lab, tell: Callable[[str], None], name: str, what: str, back: float, limit: float) -> None:
    """Tell what was seen since the drill began. It is good when all was well again within `limit` seconds
    after `back`, and meanwhile no folder looked empty, nor a file other than it is."""
    recovered = lab.wait_until_good(back, limit + outages.INTERVAL * 2)
    seen = lab.outages(lab.journal.begin)
    account = lab.keep_account(name)
    tell(
        f"{what}, seen by {len(lab.consumers)} consumers of Samba from {lab.samba}:\n"
        f"{outages.table(seen)}\n{'':8}second by second: {account}"
    )
    wrong = [
        f"{outage.consumer}: {outage}"
        for outage in seen
        if {"empty", "wrong"} & set(outage.kinds) or not outage.over or outage.end > back + limit
    ]
    assert recovered and not wrong, "\n".join([*wrong, "All that happened:", account.read_text()])


def test_smbd_is_killed(lab: Lab, tell):
    """Its container is started anew at once, as a kubelet does the first time."""
    lab.begin_drill()
    killed = lab.journal.note("SIGKILL")
    lab.container.end(signal.SIGKILL)
    lab.set_endpoint(None)
    lab.start_container(lab.node)
    conclude(lab, tell, "smbd-killed", "smbd killed", killed, 15)


def test_a_clean_move_to_the_other_node(lab: Lab, tell):
    """smbd is asked to end, nobody serves for a while, then the other node does."""
    lab.begin_drill()
    other = next(node for node in lab.nodes.values() if node is not lab.node)
    lab.set_endpoint(None)
    ended = lab.journal.note("SIGTERM")
    lab.container.end()
    time.sleep(max(ended + MOVING - time.time(), 0))
    lab.start_container(other)
    conclude(
        lab, tell, "moved", f"moved to the other node, nobody serving for {MOVING:.0f} s", time.time(), 15
    )


def test_the_fuse_server_is_replaced(lab: Lab, tell):
    """It is killed, the generated healer takes its mount away, and another takes its place, with other inode
    numbers. A film that is playing must go on, too."""
    lab.begin_drill()
    killed = lab.journal.note("SIGKILL to the FUSE server")
    lab.node.kill_fuse()
    time.sleep(max(killed + REPLACING - time.time(), 0))
    lab.node.serve_fuse(shift_inodes=1_000_000)
    back = lab.journal.note("mounted again")
    conclude(lab, tell, "fuse-replaced", f"FUSE server replaced, away for {back - killed:.1f} s", back, 10)

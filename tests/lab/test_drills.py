"""What the consumers see when a part fails, is moved or is replaced.

Each drill tells the outages of each kind of look, and what those saw who listed the folder every 10 ms.
Never is it empty.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from harness import processes

from lab import guests, outages
from lab.consumer import Consumer
from lab.lab import MOUNTING, STEADY, Lab, wait_until_mounted
from lab.mixed import MixedNode
from lab.report import LONG_ROUNDS, ROUNDS, Report

pytestmark = pytest.mark.timeout(400)  # guests of qemu take long
Watch = Callable[[str, Callable[[], float]], None]
each_round = pytest.mark.parametrize("number", range(ROUNDS))


# not in `make test`
def long_drill(test: Callable[..., None]) -> Callable[..., None]:
    marked = pytest.mark.parametrize("number", range(LONG_ROUNDS))(test)
    return pytest.mark.long_drill(marked)


# Seconds that a drill leaves the service, a mount or a mounter away.
MOVING = 5.0
REPLACING = 3.0
UPGRADING = 2.0
# within which all is well again
LIMIT = 15.0
# in which smbd ends a listing
AT_ONCE = 1.5
# within which the kernel's client ends a call to a server that is away, on a busy machine
GIVEN_UP = 20.0
NEXT_INODES = 1_000_000


@dataclass(frozen=True)
class Drill:
    """What tells of a drill, and judges it."""

    lab: Lab
    report: Report
    tell: Callable[[str], None]

    def conclude(
        self, name: str, back: float, limit: float = LIMIT, died: float = 0.0, cut: float | None = None
    ) -> None:
        """Tell what was seen since the drill began. It is good when all was well again within `limit` seconds
        after `back`, and meanwhile no folder looked empty, nor a file other than it is.

        Two things no guard can close, each one listing a client. `died`: when a FUSE server did; smbd answers
        the listing that it is at with success, and what it had. And the kernel's client may answer a listing
        with success and nothing when its connection is `cut` under it, by default at `back`: by a race in its
        reconnect, whatever cuts (docs/drills.md).
        """
        lab = self.lab
        recovered = lab.wait_until_good(back, limit + outages.INTERVAL * 2)
        limit *= guests.patience()
        seen = lab.outages(lab.journal.begin)
        polled = lab.end_pollers()
        for stretch in polled:
            if stretch.seen != "ok":
                lab.journal.add(
                    stretch.begin, f"{stretch.kind}, {stretch.who}", f"{stretch.seen}, {stretch.polls} polls"
                )
        account = lab.keep_account(re.sub(r"\W+", "-", name))
        self.report.drills.setdefault(name, []).append(seen)
        rows = self.report.gaps.add(name, polled)
        self.tell(
            f"{name}, seen by {len(lab.consumers)} consumers of Samba from {lab.samba}:\n"
            f"{outages.table(seen)}\n"
            + "".join(f"{'':8}{' | '.join(row.cells()[1:])}\n" for row in rows)
            + f"{'':8}second by second: {account}"
        )
        wrong = [
            f"{outage.consumer}: {outage}"
            for outage in seen
            if {"empty", "wrong"} & set(outage.kinds) or not outage.over or outage.end > back + limit
        ]
        wrong += [
            f"{one.kind}, {one.who}: {one.seen} in {one.polls} polls"
            for one in polled
            if one.empty
            and not (one.through_smbd and abs(one.begin - died) < AT_ONCE)
            and not (one.through_kernel and one.polls == 1 and abs(one.begin - (cut or back)) < AT_ONCE)
        ]
        assert recovered and not wrong, "\n".join([*wrong, "All that happened:", account.read_text()])


@pytest.fixture
def drill(lab: Lab, report: Report, tell: Callable[[str], None]) -> Iterator[Drill]:
    """All is well, and witnesses and pollers look."""
    report.guest_kernel = lab.guest_kernel()
    lab.begin_drill()
    yield Drill(lab, report, tell)
    lab.end_pollers()


@each_round
def test_smbd_is_killed(lab: Lab, drill: Drill, number: int):
    """Its container is started anew at once, as a kubelet does the first time."""
    killed = lab.journal.note("SIGKILL")
    lab.container.end(signal.SIGKILL)
    lab.set_endpoint(None)
    lab.start_container(lab.node)
    drill.conclude("smbd killed", killed)


@long_drill
def test_smbd_is_restarted(lab: Lab, drill: Drill, number: int):
    ended = lab.journal.note("SIGTERM")
    lab.container.end()
    lab.set_endpoint(None)
    lab.start_container(lab.node)
    drill.conclude("smbd restarted", ended)


@each_round
def test_a_clean_move_to_the_other_node(lab: Lab, drill: Drill, number: int):
    """smbd is asked to end, nobody serves for a while, then the other node does."""
    other = next(node for node in lab.nodes.values() if node is not lab.node)
    lab.set_endpoint(None)
    ended = lab.journal.note("SIGTERM")
    lab.container.end()
    time.sleep(max(ended + MOVING - time.time(), 0))
    lab.start_container(other)
    drill.conclude(f"moved to the other node, nobody serving for {MOVING:.0f} s", time.time(), cut=ended)


@each_round
def test_the_fuse_server_is_replaced(lab: Lab, drill: Drill, number: int):
    """It is killed, the generated healer takes its mount away, and another takes its place, with other inode
    numbers. A film that is playing must go on, too."""
    killed = lab.journal.note("SIGKILL to the FUSE server")
    lab.node.kill_fuse()
    time.sleep(max(killed + REPLACING - time.time(), 0))
    lab.node.serve_fuse(shift_inodes=NEXT_INODES)
    drill.conclude("FUSE server killed and replaced", lab.journal.note("mounted again"), 10, killed)


@long_drill
def test_the_fuse_server_is_restarted(lab: Lab, drill: Drill, number: int):
    """It is ended with its mount, and what the pod does before it starts is done once more."""
    ended = lab.journal.note("the FUSE server ends")
    lab.node.end_fuse()
    lab.node.end_healer(signal.SIGTERM)
    time.sleep(max(ended + REPLACING - time.time(), 0))
    lab.node.start_pod()
    lab.node.serve_fuse()
    drill.conclude("FUSE server and its pod restarted", lab.journal.note("mounted again"), 10, ended)


@long_drill
def test_the_server_node_boots(lab: Lab, drill: Drill, number: int):
    """The consumers' folders are there before the guard, and that before the mount: who looks at once and who
    waits by the generated wait."""
    lab.container.end()
    lab.set_endpoint(None)
    lab.node.forget_mount()
    lab.restart_pollers()
    lab.journal.note("nothing is mounted, and no guard made")
    time.sleep(UPGRADING)
    lab.node.start_pod()
    lab.journal.note("guarded")
    time.sleep(UPGRADING)
    lab.node.serve_fuse()
    lab.start_container(lab.node)
    drill.conclude("server's node boots, consumers first", time.time(), 20)


def replace_mounters(lab: Lab, number: signal.Signals, *more: str) -> float:
    """End the mounters on all nodes and start the next ones, with `more` options. When those were started."""
    lab.journal.note(f"{number.name} to the mounters")
    for consumer in lab.consumers.values():
        consumer.end_mounter(number.name.removeprefix("SIG"))
    lab.node.end_healer(number)
    time.sleep(UPGRADING)
    lab.node.start_pod()
    return begin_mounters(lab, *more)


def begin_mounters(lab: Lab, *more: str) -> float:
    for consumer in lab.consumers.values():
        consumer.start_mounter(*more)
    begun = lab.journal.note("the next mounters begin")
    for consumer in lab.consumers.values():
        wait_until_mounted(consumer)
    return begun


@long_drill
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_mounter_is_replaced(lab: Lab, drill: Drill, number: int, how: signal.Signals):
    """It leaves its mount, and the next one takes it over: nobody sees anything."""
    begun = replace_mounters(lab, how)
    word = {signal.SIGTERM: "ended", signal.SIGKILL: "killed"}[how]
    drill.conclude(f"mounter {word}, the next one begun", begun)


@pytest.mark.parametrize("number", range(LONG_ROUNDS))
def test_a_mounter_with_other_options(lab: Lab, drill: Drill, number: int):
    """It puts a mount of its own in the place of that of the one before."""

    def replaced(consumer: Consumer) -> bool:
        return "mounted //" in consumer.mounter_log()[said[consumer] :]

    said = {consumer: len(consumer.mounter_log()) for consumer in lab.consumers.values()}
    begun = replace_mounters(lab, signal.SIGTERM, f"actimeo={2 + number}")
    for consumer in lab.consumers.values():
        processes.wait_until(lambda consumer=consumer: replaced(consumer), MOUNTING, "replacing the mount")
    drill.conclude("mounter upgraded with other options", begun, 20)


@long_drill
def test_a_consumer_node_boots(lab: Lab, drill: Drill, number: int):
    """The pods' folders are there before the mounter begins, with its guard and its mount."""
    for consumer in lab.consumers.values():
        consumer.end_mounter("KILL")
        consumer.forget_mount()
    lab.restart_pollers()
    lab.journal.note("nothing is mounted, and no guard made")
    for consumer in lab.consumers.values():
        consumer.bind_folders()
    time.sleep(UPGRADING)
    begin_mounters(lab)
    drill.conclude("consumer's node boots, consumers first", time.time(), 20)


@pytest.fixture
def mixed(lab: Lab) -> Iterator[MixedNode]:
    """A consumer's node that shows the share, since the server is elsewhere."""
    node = MixedNode(lab.consumers["consumer-1"])
    try:
        node.start()
        node.wait_until_shown("cifs")
        yield node
    finally:
        node.stop()


def move_here(lab: Lab, node: MixedNode) -> float:
    """smbd and the FUSE server beside it end elsewhere, and this node's begins. When they ended."""
    lab.set_endpoint(None)
    ended = lab.journal.note("SIGTERM")
    lab.container.end()
    node.serve()
    node.wait_until_shown("fuse.lying")
    return ended


def move_away(lab: Lab, node: MixedNode, signal: str) -> float:
    """This node's server ends, and elsewhere one begins, with smbd. No connection is cut."""
    node.end_server(signal)
    lab.start_container(lab.node)
    node.wait_until_shown("cifs")
    return 0.0


@pytest.fixture
def watch(lab: Lab, report: Report, tell: Callable[[str], None], mixed: MixedNode) -> Watch:
    """watch(name, move): what a pod of that node sees of a move, which returns when a connection was cut."""

    def watched(name: str, move: Callable[[], float]) -> None:
        mixed.start_pollers()
        time.sleep(STEADY)
        cut = move()
        time.sleep(GIVEN_UP)
        polled = mixed.end_pollers()
        rows = [" | ".join(row.cells()[1:]) for row in report.gaps.add(name, polled)]
        tell("\n".join([f"{name}, Samba from {lab.samba}:", *(f"{'':8}{row}" for row in rows)]))
        bad = [one for one in polled if one.empty and not (one.polls == 1 and abs(one.begin - cut) < AT_ONCE)]
        assert not bad, mixed.log()
        assert [one.seen for one in polled if one.last] == ["ok", "ok"], mixed.log()

    return watched


@long_drill
@pytest.mark.timeout(400)
def test_the_server_moves_to_a_mixed_node_and_away(lab: Lab, mixed: MixedNode, watch: Watch, number: int):
    """Its pods see the mount that is made beside them, then the share again, and are not started anew."""
    watch("mixed: server moves here", lambda: move_here(lab, mixed))
    watch("mixed: server moves away", lambda: move_away(lab, mixed, "TERM"))


@long_drill
@pytest.mark.timeout(400)
def test_the_server_on_a_mixed_node_dies(lab: Lab, mixed: MixedNode, watch: Watch, number: int):
    """It is killed and begun again, stopped and begun again, and at last killed to go on elsewhere."""
    move_here(lab, mixed)

    def again(signal: str) -> Callable[[], float]:
        def perform() -> float:
            mixed.end_server(signal)
            time.sleep(UPGRADING)
            mixed.serve()
            mixed.wait_until_shown("fuse.lying")
            return 0.0

        return perform

    watch("mixed: server here killed, the next one after 2 s", again("KILL"))
    watch("mixed: server here stopped, the next one after 2 s", again("TERM"))
    watch("mixed: server here killed, goes on elsewhere", lambda: move_away(lab, mixed, "KILL"))

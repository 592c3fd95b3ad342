"""The lab, whole: two server nodes, two consumers, the switch between them and one address of the service."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import processes

from nlinkshim import generate
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings

from . import gaps, guests, network, outages, roots, server
from .consumer import SERVICE_ADDRESS, Consumer
from .container import Container, make_image
from .journal import Journal

NETWORK = "10.77.0."
PASSWORD = "pass,word of 'media'"  # noqa: S105
# A witness may be root, whom no mode of a folder stops, or a media server's user.
WITNESS_UIDS = {"consumer-1": 0, "consumer-2": 1000}
POLLED = {"consumer-1": ("node", "pod"), "consumer-2": ("csi",)}
SERVERS = ("server-1", "server-2")
PROGRAMS = ("witness.py", "poller.py", "storm.py")  # that run in guests
# seconds, on busy processors
MOUNTING = 40.0
SETTLING = 20.0
STEADY = 1.0  # that pollers look before and after a drill


@dataclass
class Lab:
    samba: str  # of roots.RELEASES
    model: Model
    switch: network.Switch
    nodes: dict[str, server.Node]
    consumers: dict[str, Consumer]
    node: server.Node  # that serves
    container: Container
    polled: server.Node
    journal: Journal = field(default_factory=Journal)

    def begin_drill(self) -> None:
        """New witnesses, who see that all is well, pollers beside them, and a new account."""
        self.journal = Journal()
        for consumer in self.consumers.values():
            consumer.start_witness()
        if not self.wait_until_good(self.journal.begin, SETTLING):
            raise AssertionError(f"before the drill the consumers do not see the share:\n{self.account()}")
        self.start_pollers()
        time.sleep(STEADY)
        self.journal.note("all is well")

    def start_pollers(self) -> None:
        self.polled = self.node
        addresses = [node.address for node in self.nodes.values()]
        self.node.start_pollers(sorted(addresses, key=lambda address: address != self.node.address))
        for consumer in self.consumers.values():
            consumer.start_pollers()

    def restart_pollers(self) -> None:
        """What they saw so far is forgotten."""
        self.end_pollers()
        self.start_pollers()

    def guest_kernel(self) -> str:
        return next(iter(self.consumers.values())).machine.run("uname -r").output.strip()

    def end_pollers(self) -> list[gaps.Stretch]:
        """What all saw, those of a node and of each consumer, since they were started."""
        time.sleep(STEADY)
        found = self.polled.end_pollers()
        for consumer in self.consumers.values():
            found += consumer.end_pollers()
        return found

    def start_container(self, node: server.Node) -> None:
        """Serve from this node, in place of the container that was ended; the service follows when the health
        check has passed."""
        self.node, self.container = node, node.start_container()
        self.container.wait_until_healthy()
        self.journal.note(f"smbd on {node.name} is healthy")
        self.set_endpoint(node)

    def set_endpoint(self, node: server.Node | None) -> None:
        """Make the service lead to this node, or nowhere."""
        for consumer in self.consumers.values():
            consumer.set_endpoint(node.address if node else None)
        self.journal.note(f"the service leads to {node.name if node else 'nobody'}")

    def looks(self, since: float = 0.0) -> list[outages.Look]:
        return [
            look for consumer in self.consumers.values() for look in consumer.looks() if look.begin >= since
        ]

    def outages(self, since: float) -> list[outages.Outage]:
        now = time.time()  # reading what the witnesses wrote may take long
        return outages.outages(self.looks(since), now)

    def wait_until_good(self, since: float, timeout: float) -> bool:
        """Whether every look of every consumer is good again within `timeout` seconds after `since`, times
        guests.patience()."""
        deadline = since + timeout * guests.patience()
        while not outages.good_since(self.looks(since), since, self.consumers):
            if time.time() > deadline:
                return False
            time.sleep(0.3)
        return True

    def account(self) -> str:
        """All that was noted, in the order of time: events, outages, the logs of containers and mounters."""
        journal = self.journal.copy()
        for outage in self.outages(0.0):
            journal.add(outage.begin, outage.consumer, f"{outage.look} begins to fail: {outage.kinds[0]}")
            journal.add(outage.end, outage.consumer, str(outage))
        for node in self.nodes.values():
            for container in node.containers:
                for moment, line in container.stamped_log():
                    journal.add(moment, node.name, line)
        for consumer in self.consumers.values():
            journal.add_mounter(consumer.name, consumer.mounter_log())
        return str(journal)

    def keep_account(self, name: str) -> Path:
        """Write the account where it outlives the lab."""
        file = roots.CACHE / "accounts" / f"{name}-{self.samba}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{self.account()}\n")
        return file


@contextlib.contextmanager
def running(folder: Path, fuse_program: Path, shim: Path, samba: str) -> Iterator[Lab]:
    """Set the lab up, below `folder`, with this release of roots.RELEASES, until all consumers see the share.
    Both servers have the FUSE mount, the first also the container."""
    settings = Settings.of({"consumer": "daemonset", "sentinel": server.SENTINEL})
    model = Model.of(settings)
    generate("kubernetes", folder / "generated", settings=settings)
    parts = _parts(folder, model, samba, fuse_program, shim)
    given = folder / "guests"
    _fill(given, model, parts)
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(network.switch())
        launched = guests.launcher(folder)
        consumers = {}
        for number, (name, uid) in enumerate(WITNESS_UIDS.items()):
            machine = stack.enter_context(launched(switch, name, f"{NETWORK}{11 + number}", given))
            consumers[name] = Consumer(name, machine, model, uid, POLLED[name])
        nodes = {
            name: stack.enter_context(
                server.node(switch, name, f"{NETWORK}{1 + number}", folder / name, parts)
            )
            for number, name in enumerate(SERVERS)
        }
        for node in nodes.values():
            node.serve_fuse()
        first = nodes[SERVERS[0]]
        container = first.start_container()
        lab = Lab(samba, model, switch, nodes, consumers, first, container, first)
        for consumer in consumers.values():
            consumer.machine.wait_until_booted()
            guests.set_clock(consumer.machine)
        container.wait_until_healthy()
        lab.set_endpoint(first)
        for consumer in consumers.values():
            consumer.bind_folders()
            consumer.start_mounter()
        for consumer in consumers.values():
            wait_until_mounted(consumer)
            consumer.mount_plainly()
        yield lab


def wait_until_mounted(consumer: Consumer) -> None:
    limit = MOUNTING * guests.patience()
    processes.wait_until(consumer.mounted, limit, f"mounting in {consumer.name}")


def _parts(folder: Path, model: Model, samba: str, fuse_program: Path, shim: Path) -> server.Parts:
    generated, secrets = folder / "generated" / "image", folder / "secrets"
    image = make_image(model, generated, roots.obtain(samba), folder / "layer", shim)
    secrets.mkdir()
    for user in model.users:
        (secrets / user.name).write_text(f"{PASSWORD}\n")
        (secrets / user.name).chmod(0o400)
    return server.Parts(image, generated / "mounter", secrets, fuse_program)


def _fill(guests: Path, model: Model, parts: server.Parts) -> None:
    """What the guests find in /run/lab."""
    guests.mkdir()
    shutil.copytree(parts.secrets, guests / "secrets")
    shutil.copy(parts.mounter, guests)
    shutil.copy(parts.fuse_program, guests)
    for program in PROGRAMS:
        shutil.copy(Path(__file__).with_name(program), guests)
    (guests / "hosts").write_text(f"127.0.0.1 localhost\n{SERVICE_ADDRESS} {model.service_host}\n")

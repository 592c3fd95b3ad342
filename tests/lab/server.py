"""A server node: a FUSE mount that lies, its generated healer, and containers of smbd."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import gofuse, processes

from . import container, gaps
from .container import Container, Image
from .network import TIED, Namespaces, Switch, namespaces

POLLER = Path(__file__).with_name("poller.py")
SENTINEL = "readme.txt"


@dataclass(frozen=True)
class Parts:
    """What all nodes have in common."""

    image: Image
    mounter: Path  # the generated script
    secrets: Path
    fuse_program: Path


@dataclass
class Node:
    name: str
    address: str
    here: Namespaces
    folder: Path
    parts: Parts
    fuse: subprocess.Popen[Any] | None = None
    containers: list[Container] = field(default_factory=list)
    healer: subprocess.Popen[Any] | None = None
    pollers: list[subprocess.Popen[Any]] = field(default_factory=list)
    _daemons: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def target(self) -> Path:
        """Where the FUSE server mounts."""
        return Path(self.parts.image.model.settings.mount_path)

    def prepare(self) -> None:
        """The mount's parent is shared, as a hostPath with Bidirectional is."""
        top, parent = str(Path(*self.target.parts[:2])), str(self.target.parent)
        self.here.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", top)
        self.here.run("mkdir", "-p", parent)
        self.here.run("mount", "--bind", parent, parent)
        self.here.run("mount", "--make-shared", parent)

    def start_pod(self) -> None:
        """What the FUSE server's pod does before and beside the server."""
        assert self._start_mounter("clear").wait(15) == 0
        self.healer = self._start_mounter("heal")

    def end_healer(self, number: signal.Signals) -> None:
        assert self.healer is not None
        os.kill(self.healer.pid, number)
        self.healer.wait(10)

    def forget_mount(self) -> None:
        """The node as after its next start: neither FUSE server, mount nor guard."""
        self.end_healer(signal.SIGKILL)
        self.end_fuse()
        self.here.run("umount", "-l", str(self.target.parent), check=False)  # the guard
        self.here.run("rm", "-rf", str(self.target))

    def serve_fuse(self, **options: object) -> None:
        """Start the FUSE server, by the flags of tests/fuse/main.go, and wait for its mount."""
        log = self.folder / "fuse"
        before = log.read_text().count("ready\n") if log.exists() else 0
        process = self._start(gofuse.command(self.parts.fuse_program, self.target, **options), "fuse")

        def ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the FUSE server ended with {process.returncode}: {log.read_text()}")
            return log.read_text().count("ready\n") > before

        processes.wait_until(ready, 15, "mounting the FUSE file system")
        self.fuse = process

    def kill_fuse(self) -> None:
        """End the FUSE server so that its dead mount stays."""
        assert self.fuse is not None
        self.fuse.kill()
        self.fuse.wait(10)

    def end_fuse(self) -> None:
        """End the FUSE server with its mount, as a clean stop does."""
        assert self.fuse is not None
        self.here.run("umount", "-l", str(self.target))
        processes.stop(self.fuse)

    def start_pollers(self, servers: list[str]) -> None:
        """Of the mount itself: on the node, in a container that has the parent folder, and in such a one that
        begins when the generated wait is over. Of the share at these addresses: without a kernel."""
        model, name = self.parts.image.model, self.target.name
        self._poll("node.polls", [f"direct, node={self.target}"], ["exec"])
        view = self.folder / "view"
        view.mkdir(exist_ok=True)
        bind = f"mount --rbind {self.target.parent} {view}; mount --make-rslave {view}; "
        self._poll("container.polls", [f"direct, container={view}/{name}"], [bind, "exec"])
        run = f"NLINKSHIM_RUN={self.folder}/run-wait"
        wait = f"{run} sh {self.parts.mounter} wait {view}/{name} {SENTINEL} >&2 && exec"
        self._poll("waited.polls", [f"direct, container after wait={view}/{name}"], [bind, wait])
        share = f"{model.shares[0].name}/{model.shares[0].inside}".rstrip("/")
        where = f"{','.join(servers)}:{model.settings.container_port}/{share}"
        self._poll("smb.polls", ["--smb", f"smbprotocol={where}"], ["exec"])

    def _poll(self, log: str, words: list[str], before: list[str]) -> None:
        user = self.parts.image.model.users[0].name
        login = {"SMB_USER": user, "SMB_PASSWORD": (self.parts.secrets / user).read_text().rstrip("\n")}
        script = " ".join([*before, '"$@"'])
        command = [
            *["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "-"],
            *[sys.executable, "-I", str(POLLER), SENTINEL, *words],
        ]
        with (self.folder / log).open("wb") as out, (self.folder / f"{log}.err").open("ab") as err:
            poller = processes.start(
                [*TIED, *self.here.inside(*command)], stdout=out, stderr=err, env={**os.environ, **login}
            )
        self.pollers.append(poller)
        self._daemons.append(poller)

    def end_pollers(self) -> list[gaps.Stretch]:
        """What they saw since they were started."""
        for poller in self.pollers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(poller.pid, signal.SIGTERM)
        for poller in self.pollers:
            poller.wait(10)
        found = [log.read_text() for log in self.folder.glob("*.polls")] if self.pollers else []
        self.pollers.clear()
        return gaps.parse("".join(found))

    def start_container(self) -> Container:
        folder = self.folder / f"smbd-{len(self.containers) + 1}"
        parts = self.parts
        started = container.start(parts.image, self.here, folder, self.target.parent, parts.secrets)
        self.containers.append(started)
        return started

    def stop(self) -> None:
        for running in self.containers:
            running.end(signal.SIGKILL)
        for daemon in self._daemons:
            daemon.kill()  # its mount goes with the namespace
            daemon.wait(10)

    def _start_mounter(self, mode: str) -> subprocess.Popen[Any]:
        run = self.folder / f"run-{mode}"
        command = ["env", f"NLINKSHIM_RUN={run}", "sh", str(self.parts.mounter), mode, str(self.target)]
        return self._start(command, f"mounter-{mode}")

    def _start(self, command: list[str], name: str) -> subprocess.Popen[Any]:
        with (self.folder / name).open("ab") as out:
            daemon = processes.start([*TIED, *self.here.inside(*command)], stdout=out, stderr=out)
        self._daemons.append(daemon)
        return daemon


@contextlib.contextmanager
def node(switch: Switch, name: str, address: str, folder: Path, parts: Parts) -> Iterator[Node]:
    """A node at a port of the switch that is named as it is."""
    with namespaces(own_mounts=True) as here:
        switch.plug(name, here, address)
        folder.mkdir()
        server = Node(name, address, here, folder, parts)
        try:
            server.prepare()
            server.start_pod()
            yield server
        finally:
            server.stop()

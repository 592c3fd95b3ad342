"""A server node: a FUSE mount that lies, its generated healer, and containers of smbd."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import gofuse, processes

from . import container
from .container import Container, Image
from .network import TIED, Namespaces, Switch, namespaces


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
    _daemons: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def target(self) -> Path:
        """Where the FUSE server mounts."""
        return Path(self.parts.image.model.settings.mount_path)

    def prepare(self) -> None:
        """The mount's parent is shared, as a hostPath with Bidirectional is; what the FUSE server's pod does
        before and beside the server is done."""
        top, parent = str(Path(*self.target.parts[:2])), str(self.target.parent)
        self.here.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", top)
        self.here.run("mkdir", "-p", parent)
        self.here.run("mount", "--bind", parent, parent)
        self.here.run("mount", "--make-shared", parent)
        self._start_mounter("clear").wait(15)
        self._start_mounter("heal")

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
            yield server
        finally:
            server.stop()

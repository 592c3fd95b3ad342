"""Network namespaces and the switch between them. Each lasts as long as the process that holds it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import processes

BRIDGE = "switch"
PREFIX_LENGTH = 24
# Whoever starts these ends with the tests even if it would ignore SIGTERM.
TIED = ("setpriv", "--pdeathsig", "KILL")


@dataclass(frozen=True)
class Namespaces:
    """The namespaces of a process that does nothing else. Its mounts, if they are its own, too."""

    process: subprocess.Popen[Any]
    own_mounts: bool

    def inside(self, *command: str) -> list[str]:
        """`command`, to be run there."""
        mounts = ["--mount"] if self.own_mounts else []
        return ["nsenter", "--target", str(self.process.pid), "--net", *mounts, "--", *command]

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return processes.run(self.inside(*command), **options)


@contextlib.contextmanager
def namespaces(*, own_mounts: bool = False) -> Iterator[Namespaces]:
    flags = ["--mount", "--propagation", "private"] if own_mounts else []
    process = processes.start([*TIED, "unshare", "--net", *flags, "--", "sleep", "infinity"])
    try:
        kinds = ["net", "mnt"] if own_mounts else ["net"]
        processes.wait_until(lambda: all(_differs(process.pid, kind) for kind in kinds), 10, "a namespace")
        here = Namespaces(process, own_mounts)
        here.run("ip", "link", "set", "lo", "up")
        yield here
    finally:
        processes.stop(process)


def _differs(pid: int, kind: str) -> bool:
    return Path(f"/proc/{pid}/ns/{kind}").readlink() != Path(f"/proc/self/ns/{kind}").readlink()


@dataclass(frozen=True)
class Switch:
    """An Ethernet switch whose ports can be cut."""

    here: Namespaces

    def plug(self, name: str, other: Namespaces, address: str) -> None:
        """Give another namespace an interface with this address; the port has its name."""
        self.here.run(
            *["ip", "link", "add", name, "type", "veth"],
            *["peer", "name", "eth0", "netns", str(other.process.pid)],
        )
        self._enslave(name)
        other.run("ip", "address", "add", f"{address}/{PREFIX_LENGTH}", "dev", "eth0")
        other.run("ip", "link", "set", "eth0", "up")

    def add_tap(self, name: str) -> None:
        """A port that a guest opens as a tap interface."""
        self.here.run("ip", "tuntap", "add", name, "mode", "tap")
        self._enslave(name)

    def cut(self, name: str) -> None:
        """Lose every packet of this port from now on."""
        self.here.run("ip", "link", "set", name, "down")

    def join(self, name: str) -> None:
        self.here.run("ip", "link", "set", name, "up")

    def _enslave(self, name: str) -> None:
        self.here.run("ip", "link", "set", name, "master", BRIDGE)
        self.join(name)


@contextlib.contextmanager
def switch() -> Iterator[Switch]:
    with namespaces() as here:
        here.run("ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0")
        here.run("ip", "link", "set", BRIDGE, "up")
        yield Switch(here)

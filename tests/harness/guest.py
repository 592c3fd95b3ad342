"""A virtual machine with a Debian kernel, for what this host's kernel has not: the SMB client.

    with guest.boot() as machine:
        machine.mount("//10.0.2.2/dfs", "/mnt/dfs", port=4450, options="vers=3.1.1,guest,ro")
        print(machine.run("ls /mnt/dfs").output)

It needs no hardware virtualisation, no root and no disk. 10.0.2.2 is the host's loopback. Commands run as
root in dash, with busybox' applets; tests/guest/channel.sh is the other end.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import guest_image, guest_kernel, mounts, processes

HOST = "10.0.2.2"
MEMORY = "512M"
KERNEL_LINE = "console=ttyS0 quiet panic=1 mitigations=off"
BOOT_TIMEOUT = 60.0
TAIL = 3000


@dataclass(frozen=True)
class Result:
    """How a command ended. `seconds` is what it took by the guest's clock, in steps of 0.01."""

    status: int
    output: str
    seconds: float


class Job:
    """A command that runs in the guest."""

    def __init__(self, machine: Machine, number: int, command: str) -> None:
        self.command = command
        self._machine = machine
        self._number = number

    def done(self) -> bool:
        return self._machine._collect(self._number, 0) is not None

    def result(self, timeout: float = 30.0, check: bool = True) -> Result:
        """Wait until it ends."""
        result = self._machine._collect(self._number, timeout)
        if result is None:
            raise TimeoutError(self._machine.explain(f"{self.command!r} takes longer than {timeout} s"))
        if check and result.status != 0:
            said = f"{self.command!r} ended with {result.status}: {result.output[-TAIL:]}"
            raise AssertionError(self._machine.explain(said))
        return result


class Machine:
    """A booted guest."""

    def __init__(
        self,
        process: subprocess.Popen[Any],
        channel: socket.socket,
        logs: list[Path],
        program: str = "qemu",
    ) -> None:
        self._process = process
        self._program = program
        self._channel = channel
        self._logs = logs
        self._received = b""
        self._results: dict[int, Result] = {}
        self._numbers = itertools.count(1)

    def start(self, command: str) -> Job:
        """Begin a shell command. Others may run meanwhile."""
        number = next(self._numbers)
        line = f"{number} {base64.b64encode(command.encode()).decode()}\n"
        self._channel.settimeout(10)
        self._channel.sendall(line.encode())
        return Job(self, number, command)

    def run(self, command: str, timeout: float = 30.0, check: bool = True) -> Result:
        """Run a shell command to its end, stdout and stderr together."""
        return self.start(command).result(timeout, check)

    def mount(
        self,
        source: str,
        target: str,
        *,
        port: int = 445,
        options: str = "",
        timeout: float = 30.0,
        check: bool = True,
    ) -> Result:
        """mount.cifs `source`, as //10.0.2.2/share, on the folder `target`, which is made."""
        options = f"port={port},{options}".rstrip(",")
        target = shlex.quote(target)
        command = f"mkdir -p {target} && mount.cifs {shlex.quote(source)} {target} -o {shlex.quote(options)}"
        return self.run(command, timeout, check)

    def explain(self, what: str) -> str:
        """`what` happened, with what the guest's console showed."""
        said = "".join(log.read_text(errors="replace")[-TAIL:] for log in self._logs)
        return f"{what}\nThe guest's console:\n{said or '(nothing)'}"

    def wait_until_booted(self) -> None:
        line = self._line(time.monotonic() + BOOT_TIMEOUT)
        if line != b"ready":
            raise RuntimeError(self.explain(f"the guest did not boot within {BOOT_TIMEOUT} s: {line!r}"))

    def _collect(self, number: int, timeout: float) -> Result | None:
        deadline = time.monotonic() + timeout
        while number not in self._results:
            line = self._line(deadline)
            if line is None:
                return None
            ended, status, begin, end, output = line.split(b" ")
            text = base64.b64decode(output).decode(errors="surrogateescape")
            self._results[int(ended)] = Result(int(status), text, round(float(end) - float(begin), 2))
        return self._results[number]

    def _line(self, deadline: float) -> bytes | None:
        """The next line from the guest, or None when it is too late."""
        while b"\n" not in self._received:
            self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                received = self._channel.recv(1 << 16)
            except TimeoutError:
                return None
            if not received:
                status = self._process.wait(5)
                raise RuntimeError(self.explain(f"the guest ended, {self._program} with {status}"))
            self._received += received
        line, self._received = self._received.split(b"\n", 1)
        return line


@contextlib.contextmanager
def boot(files: Mapping[str, Path | str] | None = None) -> Iterator[Machine]:
    """Boot a guest and end it with the block. `files` are put there: guest path -> file of the host, or its
    text; all are executable. Programs that it has from the host: guest_image.PROGRAMS."""
    kernel = guest_kernel.obtain()
    with mounts.temporary_folder("nlinkshim-guest-") as folder:
        image = folder / "initramfs"
        guest_image.build(image, kernel, files or {})
        with launched(folder, kernel, image, "user,id=net") as machine:
            machine.wait_until_booted()
            yield machine


@contextlib.contextmanager
def launched(
    folder: Path,
    kernel: guest_kernel.Kernel,
    image: Path,
    network: str,
    *words: str,
    before: Sequence[str] = (),
) -> Iterator[Machine]:
    """A guest of this initramfs, with a network of qemu's -netdev and these words on the kernel's command
    line. Ask it to wait_until_booted before all else. `before` starts qemu, `folder` is for its logs."""
    console, complaints = folder / "console", folder / "qemu.log"
    ours, theirs = socket.socketpair()
    with ours, complaints.open("w") as log:
        with theirs:
            process = processes.start(
                [*before, *_command(kernel.image, image, console, theirs.fileno(), network, words)],
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
            )
        try:
            yield Machine(process, ours, [complaints, console])
        finally:
            processes.stop(process)


def _command(
    kernel: Path, image: Path, console: Path, channel: int, network: str, words: Sequence[str]
) -> list[str]:
    return [
        *["qemu-system-x86_64", *_accelerators(), "-cpu", "max", "-m", MEMORY],
        *["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
        *["-kernel", str(kernel), "-initrd", str(image), "-append", " ".join([KERNEL_LINE, *words])],
        *["-serial", f"file:{console}"],
        # The first virtio device, hence /dev/vport0p1 there.
        *["-chardev", f"socket,id=channel,fd={channel}", "-device", "virtio-serial-pci"],
        *["-device", "virtserialport,chardev=channel,nr=1"],
        *["-netdev", network, "-device", "virtio-net-pci,netdev=net,romfile="],
    ]


def _accelerators() -> list[str]:
    """Hardware virtualisation where the processor has it: a /dev/kvm without may be a software's, which does
    not know all instructions. qemu takes the second where the first is not to be had."""
    flags = Path("/proc/cpuinfo").read_text().split()
    hardware = ["-accel", "kvm"] if {"vmx", "svm"} & set(flags) else []
    return [*hardware, "-accel", "tcg"]

"""A consumer's node that can have the FUSE server itself: the mounter of consumer = "mixed" shows its mount
or the share, at one path, to a pod that takes the folder above."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from harness import processes
from harness.guest import Job

from nlinkshim.engines.generate.cifs import mount_options

from . import gaps
from .consumer import MOUNTER, SECRETS, SENTINEL, Consumer

ABOVE_OWN, ABOVE_SEEN, POD = "/srv/own", "/srv/mixed", "/run/mixed-pod"
OWN, SEEN = f"{ABOVE_OWN}/dfs", f"{ABOVE_SEEN}/dfs"
PROGRAM = "/run/lab/gofuse"
STARTING = 60.0  # seconds, on busy processors


@dataclass
class MixedNode:
    consumer: Consumer
    jobs: dict[str, Job] = field(default_factory=dict)

    def _run(self, command: str, *, check: bool = True) -> str:
        return self.consumer.machine.run(command, check=check).output

    def start(self) -> None:
        """The folders as they are shared on a node, the pod's own, the healer, and the mounter."""
        model = self.consumer.model
        assert model.client_user is not None
        for above in (ABOVE_OWN, ABOVE_SEEN):
            self._run(f"mkdir -p {above} && mount --bind {above} {above} && mount --make-shared {above}")
        self._run(f"mkdir -p {POD} && mount --rbind {ABOVE_SEEN} {POD} && mount --make-rslave {POD}")
        self._run("modprobe -d /run/modules fuse")  # without it there is no /dev/fuse
        self._run(f"NLINKSHIM_RUN=/run/mixed-clear sh {MOUNTER} clear {OWN}")
        self._begin("heal", ["heal", OWN, SENTINEL])
        words = ["cifs", SEEN, model.client_source(model.service_host)]
        words += [*(option.text for option in mount_options(model)), f"user={model.client_user.name}"]
        self._begin("cifs", [*words, f"sentinel={SENTINEL}", f"local={OWN}"])

    def _begin(self, name: str, words: list[str]) -> None:
        run = f"NLINKSHIM_RUN=/run/mixed-{name}"
        env = f"{run} NLINKSHIM_RECORD=/run/mixed-record NLINKSHIM_SECRETS={SECRETS}"
        self.jobs[name] = self.consumer.machine.start(
            f"echo $$ >/run/mixed-{name}.pid; export {env}; exec sh {MOUNTER} {shlex.join(words)}"
            f" >>/run/mixed-{name}.log 2>&1"
        )

    def serve(self) -> None:
        """The FUSE server begins here."""
        self.jobs["fuse"] = self.consumer.machine.start(
            f"echo $$ >/run/fuse.pid; exec {PROGRAM} {OWN} >/run/fuse.log 2>&1"
        )

    def end_server(self, signal: str) -> None:
        """KILL leaves its mount behind; TERM: with its mount, as a clean stop does."""
        if signal == "TERM":
            self._run(f"umount -l {OWN}")
        self._run(f"kill -s {signal} $(cat /run/fuse.pid)", check=False)
        self.jobs.pop("fuse").result(30, check=False)

    def shows(self) -> str:
        """The type of what the pod has: fuse.lying, cifs, or nothing."""
        return self._run(f"findmnt -no FSTYPE {POD}/dfs | tail -n 1", check=False).strip()

    def wait_until_shown(self, fstype: str) -> None:
        listing = f"timeout -k 1 5 ls {POD}/dfs/{SENTINEL}"

        def shown() -> bool:
            done = self.consumer.machine.run(listing, check=False)
            return self.shows() == fstype and done.status == 0

        try:
            processes.wait_until(shown, STARTING, f"showing {fstype}")
        except TimeoutError as error:
            raise AssertionError(f"{error}:\n{self.log()}") from error

    def log(self) -> str:
        return self._run("cat /run/mixed-*.log /run/fuse.log; cat /proc/mounts", check=False)

    def start_pollers(self) -> None:
        words = shlex.join([SENTINEL, f"mixed, pod={POD}/dfs"])
        poller = f"python3 -I -S /run/lab/poller.py {words} >/run/mixed.polls 2>/run/mixed.polls.err"
        self.jobs["poller"] = self.consumer.machine.start(f"echo $$ >/run/mixed.polls.pid; exec {poller}")

    def end_pollers(self) -> list[gaps.Stretch]:
        """What they saw since they were started."""
        if "poller" not in self.jobs:
            return []
        self._run("kill -s TERM -- -$(cat /run/mixed.polls.pid)")
        self.jobs.pop("poller").result(check=False)
        return gaps.parse(self._run("cat /run/mixed.polls"))

    def stop(self) -> None:
        self.end_pollers()
        if "fuse" in self.jobs:
            self.end_server("KILL")
        for name in ("cifs", "heal"):
            self._run(f"kill $(cat /run/mixed-{name}.pid)", check=False)
            self.jobs.pop(name).result(20, check=False)
        places = f"{POD} {SEEN} {ABOVE_SEEN} {OWN} {ABOVE_OWN}"
        clear = f"for at in {places}; do while umount -l $at; do :; done; done; rm -rf /run/mixed-*"
        self._run(clear, check=False)

"""A consumer: a guest that mounts the share with what was generated, and a witness of what it sees."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.guest import Job, Machine

from nlinkshim.engines.generate.cifs import SMB_PORT, mount_options
from nlinkshim.engines.generate.model import Model

from . import gaps, outages

SERVICE_ADDRESS = "10.96.0.10"
LIBRARY = "/run/library"
LOG = "/run/witness.log"
SECRETS = "/run/lab/secrets"
MOUNTER = "/run/lab/mounter"
POLLS = "/run/polls"
CSI = "/srv/csi"
SENTINEL = "readme.txt"
IPTABLES = "iptables-legacy -w"
FILM, HELD, PICTURE, FOLDER = "film one.mkv", "film two.mkv", "poster.jpg", "shows/season 1"


@dataclass(eq=False)
class Consumer:
    name: str
    machine: Machine
    model: Model
    uid: int  # of the witness
    polled: tuple[str, ...]  # which of its views
    mounter: Job | None = None
    polling: Job | None = None

    @property
    def mount(self) -> str:
        """Where those who use it see it: at the path of the original, by a bind of the parent."""
        return self.model.consumer_path

    def set_endpoint(self, address: str | None) -> None:
        """Make the Service lead to this server, or nowhere, by the rules of kube-proxy's iptables mode.

        Connections that are there stay where they are.
        """
        service = f"-d {SERVICE_ADDRESS} -p tcp --dport {SMB_PORT}"
        rule = f"{IPTABLES} -A OUTPUT {service} -j REJECT"
        if address is not None:
            target = f"{address}:{self.model.settings.container_port}"
            rule = f"{IPTABLES} -t nat -A OUTPUT {service} -j DNAT --to-destination {target}"
        self.machine.run(f"{IPTABLES} -F OUTPUT; {IPTABLES} -t nat -F OUTPUT; {rule}")

    def bind_folders(self) -> None:
        """The mounter's folder as it is shared on a node, and as a pod has it, with nothing in it yet."""
        above, beside = shlex.quote(self.model.client_parent), shlex.quote(str(Path(self.mount).parent))
        self.machine.run(
            f"mkdir -p {above} {beside} && mount --bind {above} {above} && mount --make-shared {above}"
            f" && mount --rbind {above} {beside} && mount --make-rslave {beside}"
        )

    def start_mounter(self, *more: str) -> None:
        """The generated mounter as the DaemonSet runs it, with `more` options. What another left is there."""
        model = self.model
        assert model.client_user is not None
        options = [*(option.text for option in mount_options(model)), *more]
        source = model.client_source(model.service_host)
        words = ["cifs", model.client_path, source, *options, f"user={model.client_user.name}"]
        if model.client_sentinel:
            words.append(f"sentinel={model.client_sentinel}")
        # the pod's own folder goes with it
        self.machine.run("umount -l /run/nlinkshim; rm -rf /run/nlinkshim", check=False)
        self.mounter = self.machine.start(
            f"echo $$ >/run/mounter.pid; export NLINKSHIM_SECRETS={SECRETS} NLINKSHIM_RECORD=/run/record;"
            f" exec sh {MOUNTER} {shlex.join(words)} >>/run/mounter.log 2>&1"
        )

    def end_mounter(self, signal: str) -> None:
        self.machine.run(f"kill -s {signal} $(cat /run/mounter.pid)")
        assert self.mounter is not None
        self.mounter.result(check=False)

    def forget_mount(self) -> None:
        """The node as after its next start: neither mount nor guard, nor the folders bound."""
        above, beside = shlex.quote(self.model.client_parent), shlex.quote(str(Path(self.mount).parent))
        self.machine.run(
            f"NLINKSHIM_RECORD=/run/record sh {MOUNTER} unmount {shlex.quote(self.model.client_path)}"
        )
        # in one breath: without its guard the folder is open to root
        self.machine.run(
            f"for at in {beside} {above}; do while umount -l $at; do :; done; done;"
            f" rm -rf {shlex.quote(self.model.client_path)}"
        )

    def mount_plainly(self) -> None:
        """The share as csi-driver-smb has it: staged by the generated options, and bound where a pod is."""
        model = self.model
        assert model.client_user is not None
        options = ",".join([*(option.text for option in mount_options(model)), "credentials=/run/csi"])
        source = shlex.quote(model.client_source(model.service_host))
        self.machine.run(
            f"printf 'username=%s\npassword=%s\n' {model.client_user.name}"
            f' "$(cat {SECRETS}/{model.client_user.name})" >/run/csi; mkdir -p {CSI}/staged {CSI}/pod'
            f" && mount.cifs {source} {CSI}/staged -o {options} && mount --bind {CSI}/staged {CSI}/pod",
            timeout=120,
        )

    def start_pollers(self) -> None:
        """Of those of its views that it is to poll: as many as its processor can look at."""
        words = shlex.join([SENTINEL, *(f"CIFS, {kind}={self.views[kind]}" for kind in self.polled)])
        poller = f"python3 -I -S /run/lab/poller.py {words} >{POLLS} 2>{POLLS}.err"
        self.polling = self.machine.start(f"echo $$ >{POLLS}.pid; exec {poller}")

    @property
    def views(self) -> dict[str, str]:
        """Where it sees the share, by kind of consumer."""
        return {"node": self.model.client_path, "pod": self.mount, "csi": f"{CSI}/pod"}

    def end_pollers(self) -> list[gaps.Stretch]:
        """What they saw since they were started."""
        if self.polling is None:
            return []
        self.machine.run(f"kill -s TERM -- -$(cat {POLLS}.pid)")
        self.polling.result(check=False)
        self.polling = None
        return gaps.parse(self.machine.run(f"cat {POLLS}").output)

    def mounter_log(self) -> str:
        return self.machine.run("cat /run/mounter.log", check=False).output

    def mounted(self) -> bool:
        return "alive" in self.machine.run("cat /run/nlinkshim/state", check=False).output

    def start_witness(self) -> None:
        """A library of symlinks that lead into the mount, as media managers keep it, and the looks at both.

        A witness of before ends, with what it held.
        """
        film = f"{self.mount}/movies/{FILM}"
        self.machine.run(f"mkdir -p {LIBRARY} && ln -sf {shlex.quote(film)} {LIBRARY}/film.mkv")
        self.machine.run(f"[ ! -e {LOG}.pid ] || kill -s KILL -- -$(cat {LOG}.pid)")
        words = {
            "--mount": self.mount,
            "--stat": f"{self.mount}/movies/{PICTURE}",
            "--link": f"{LIBRARY}/film.mkv",
            "--folder": f"{self.mount}/{FOLDER}",
            "--held": f"{self.mount}/movies/{HELD}",
        }
        arguments = shlex.join(word for pair in words.items() for word in pair)
        user = f"setpriv --reuid {self.uid} --regid {self.uid} --clear-groups"
        command = f"{user} python3 -I -S /run/lab/witness.py {arguments}"
        self.machine.run(f": >{LOG}; {command} >>{LOG} 2>{LOG}.err & echo $! >{LOG}.pid")

    def looks(self) -> list[outages.Look]:
        """All looks of its witness that have ended."""
        return outages.parse(self.name, self.machine.run(f"cat {LOG}", check=False).output)

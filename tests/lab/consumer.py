"""A consumer: a guest that mounts the share with what was generated, and a witness of what it sees."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.guest import Job, Machine

from nlinkshim.engines.generate.cifs import SMB_PORT, mount_options
from nlinkshim.engines.generate.model import Model

from . import outages

SERVICE_ADDRESS = "10.96.0.10"
LIBRARY = "/run/library"
LOG = "/run/witness.log"
SECRETS = "/run/lab/secrets"
IPTABLES = "iptables-legacy -w"
FILM, HELD, PICTURE, FOLDER = "film one.mkv", "film two.mkv", "poster.jpg", "shows/season 1"


@dataclass(eq=False)
class Consumer:
    name: str
    machine: Machine
    model: Model
    uid: int  # of the witness
    mounter: Job | None = None

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

    def start_mounter(self) -> None:
        """The generated mounter as the DaemonSet runs it, and its folder as a consumer's pod has it."""
        model = self.model
        assert model.client_user is not None
        node, seen = model.client_path, Path(self.mount)
        options = [option.text for option in mount_options(model)]
        source = model.client_source(model.service_host)
        words = ["cifs", node, source, *options, f"user={model.client_user.name}"]
        above, beside = shlex.quote(model.client_parent), shlex.quote(str(seen.parent))
        self.machine.run(
            f"mkdir -p {above} {beside} && mount --bind {above} {above} && mount --make-shared {above}"
            f" && mount --rbind {above} {beside} && mount --make-rslave {beside}"
        )
        self.mounter = self.machine.start(
            f"NLINKSHIM_SECRETS={SECRETS} exec sh /run/lab/mounter {shlex.join(words)} >/run/mounter.log 2>&1"
        )

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

"""The generated container of smbd, run without an image: layers over a root of roots.py, and namespaces."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import processes

from nlinkshim.engines.generate.model import Model

from .network import TIED, Namespaces

START = Path(__file__).with_name("container.sh")
# The build's last step. $1 the layer, which takes its changes, $2 what is below it, $3 a folder beside both
BUILD = """\
mkdir "$3" "$3/work" "$3/root"
mount -t overlay -o "lowerdir=$2,upperdir=$1,workdir=$3/work" overlay "$3/root"
mount --bind /proc "$3/root/proc"
mount --rbind /dev "$3/root/dev"
exec chroot "$3/root" /bin/sh -c '/usr/local/bin/samba-settings && /usr/local/bin/entrypoint --check-image'
"""
STAMP = Path(__file__).with_name("stamp.py")
FOLDERS = (
    *("proc", "dev", "run/samba", "run/secrets/smb", "var/log", "tmp"),
    *("etc/samba", "usr/local/bin", "usr/local/lib"),
)
PROBE_PERIOD = 0.3


@dataclass(frozen=True)
class Image:
    """What the generated image would hold. Containers share it; none changes it."""

    model: Model
    root: Path  # of roots.py
    layer: Path  # what the Containerfile puts on top of it

    @property
    def mount_parent(self) -> str:
        """Where a container has the folder that holds the FUSE mount."""
        return str(Path(self.model.mount).parent)


def make_image(model: Model, generated: Path, root: Path, layer: Path, shim: Path) -> Image:
    """Do by hand what the Containerfile's stage smbd does, and write what Debian's scripts would have.

    `generated` is the folder `image` of what generate wrote.
    """
    image = Image(model, root, layer)
    for name in (*FOLDERS, image.mount_parent):
        (layer / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
    shutil.copy(generated / "smb.conf", layer / "etc/samba/smb.conf")
    for name in ("entrypoint", "healthcheck", "samba-settings"):
        shutil.copy(generated / name, layer / "usr/local/bin")
        (layer / "usr/local/bin" / name).chmod(0o755)
    shutil.copy(shim, layer / "usr/local/lib/nlinkshim.so")
    for kind, row in {"passwd": "{0}:x:{1}:{1}::/:/bin/false\n", "group": "{0}:x:{1}:\n"}.items():
        debian = (root / f"usr/share/base-passwd/{kind}.master").read_text()
        ours = "".join(row.format(user.name, user.uid) for user in model.users)
        (layer / "etc" / kind).write_text(debian + ours)
    # smbd looks its own name up for each session, which takes 20 s where no DNS answers
    (layer / "etc/hosts").write_text("127.0.0.1 localhost smbd\n")
    # engines make it; smbd looks for a folder's device in it
    (layer / "etc/mtab").symlink_to("/proc/mounts")
    (layer / "var/log/samba").symlink_to("/run/samba/log")
    work = layer.with_suffix(".build")
    processes.run(
        ["unshare", "--mount", "sh", "-ec", BUILD, "-", *map(str, (layer, root, work))],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    return image


@dataclass(frozen=True)
class Container:
    """A container, from its start to its end."""

    process: subprocess.Popen[Any]
    log_file: Path

    @property
    def first_process(self) -> int:
        """Its process 1, as this host numbers it. Raises RuntimeError when there is none."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            raise RuntimeError(f"the container ended: {self.log()}")
        return int(children[0])

    def stamped_log(self) -> list[tuple[float, str]]:
        """Each line that it wrote, and when."""
        pairs = (line.partition(" ") for line in self.log_file.read_text(errors="replace").splitlines())
        return [(float(moment), text) for moment, _, text in pairs if moment]

    def log(self) -> str:
        return "".join(f"{text}\n" for _, text in self.stamped_log())

    def healthy(self) -> bool:
        """Whether the generated health check says so."""
        flags = ["--net", "--mount", "--pid", "--root", "--wd"]
        command = ["nsenter", "--target", str(self.first_process), *flags, "--", "/usr/local/bin/healthcheck"]
        return processes.run(command, check=False).returncode == 0

    def wait_until_healthy(self, timeout: float = 30.0) -> None:
        """Raises RuntimeError with what it said when it ends, TimeoutError."""

        def healthy() -> bool:
            time.sleep(PROBE_PERIOD)
            if self.process.poll() is not None:
                raise RuntimeError(f"the container ended with {self.process.returncode}: {self.log()}")
            return self.healthy()

        processes.wait_until(healthy, timeout, "a healthy smbd")

    def end(self, number: signal.Signals = signal.SIGTERM, patience: float = 5.0) -> None:
        """Signal its first process; what is left after `patience` seconds is killed."""
        if self.process.poll() is None:
            with contextlib.suppress(RuntimeError, ProcessLookupError):
                os.kill(self.first_process, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        self.process.kill()
        self.process.wait(10)


def start(image: Image, here: Namespaces, folder: Path, fuse_parent: Path, secrets: Path) -> Container:
    """Start a container on this node, where `fuse_parent` holds the mount. `folder`, a new one, is for the
    container's root and log."""
    root, log = folder / "root", folder / "log"
    root.mkdir(parents=True)
    reading, writing = os.pipe()
    with log.open("wb") as out, os.fdopen(reading, "rb") as lines, os.fdopen(writing, "wb") as told:
        # ends by itself, when none of the container's processes is left to write
        subprocess.Popen([sys.executable, str(STAMP)], stdin=lines, stdout=out, start_new_session=True)
        process = processes.start(
            [
                *TIED,
                *here.inside("unshare", "--mount", "--propagation", "slave"),
                *["--pid", "--fork", "--kill-child", "--uts", "--ipc", "sh", str(START), str(root)],
                *[f"{image.layer}:{image.root}", str(fuse_parent), image.mount_parent, str(secrets)],
            ],
            stdout=told,
            stderr=told,
        )
    return Container(process, log)

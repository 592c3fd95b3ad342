"""The generated server on the Samba of each Debian release, without an image.

A release's packages are unpacked once; the generated files are laid over them as the image build does it,
and started in namespaces of their own, with the capabilities and the read-only root that the container has.
Up in a second, where an image takes a minute.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nlinkshim
from nlinkshim import generate
from nlinkshim.engines.generate import inside
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings

from . import mounts, processes
from .clients import PASSWORD, Reached
from .samba import answers, free_port

CACHE = Path(__file__).parents[2] / "build" / "releases"
# Samba's version: the suites that it comes from
SUITES = {"4.17": ["bookworm"], "4.22": ["trixie"], "4.24": ["trixie", "trixie-backports"]}
PACKAGES = (
    *("samba", "samba-vfs-modules", "smbclient"),
    *("base-files", "base-passwd", "coreutils", "dash", "findutils", "grep"),
    *("libc-bin", "mount", "sed", "util-linux"),
)
IMAGE = """\
mount --bind /proc "$1/proc"
exec chroot "$1" /bin/sh -c "$2"
"""
# $1 the root, $2 the mount's parent here and $3 there, $4 the secrets, $5 options of the state's tmpfs
SERVE = f"""\
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o "nosuid,nodev,noexec,mode=0755,size=64m,$5" none "$1{inside.STATE}"
mount --bind "$4" "$1{inside.SECRETS}"
mount --rbind "$2" "$1$3"
cd "$1"
pivot_root . mnt
exec chroot . /bin/sh -c '
    umount -l /mnt
    exec setpriv --bounding-set=-all,+setuid,+setgid --inh-caps=-all --no-new-privs /usr/local/bin/entrypoint'
"""


def unpacked(version: str) -> Path:
    """The release's packages, in a folder. Do not change it."""
    root = CACHE / version
    if not root.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = CACHE / f"{version}.part"
        shutil.rmtree(part, ignore_errors=True)
        suites = SUITES[version]
        sources = [f"deb http://deb.debian.org/debian {suite} main" for suite in suites]
        options = [
            f'--aptopt=APT::Default-Release "{suites[-1]}"',
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={','.join(PACKAGES)}",
        ]
        command = ["mmdebstrap", "--quiet", "--variant=extract", *options, suites[0], str(part), *sources]
        processes.run(command, timeout=300)
        part.rename(root)
    return root


@dataclass(frozen=True)
class Release:
    """A generated server as a release's image would have it."""

    version: str
    folder: Path
    model: Model
    parent: Path  # of the mount, on this machine

    @property
    def settings(self) -> Settings:
        return self.model.settings

    @property
    def inner_parent(self) -> Path:
        """Of the mount, as the server sees it."""
        return Path(self.model.mount).parent

    @property
    def layer(self) -> Path:
        """What the image adds to the release."""
        return self.folder / "layer"

    @contextlib.contextmanager
    def _root(self, *, writable: bool) -> Iterator[Path]:
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        below = f"lowerdir={unpacked(self.version)}"
        if writable:
            (self.folder / "work").mkdir(exist_ok=True)
            data = f"{below},upperdir={self.layer},workdir={self.folder}/work"
        else:
            data = f"lowerdir={self.layer}:{below.partition('=')[2]}"
        with mounts.mounted("overlay", root, "overlay", data=data):
            yield root

    def build(self) -> None:
        """What the Containerfile does."""
        generate("container", self.folder, settings=self.settings)
        added = self.folder / "image"
        passwd = (unpacked(self.version) / "usr/share/base-passwd/passwd.master").read_text()
        group = (unpacked(self.version) / "usr/share/base-passwd/group.master").read_text()
        for user in self.model.users:
            passwd += f"{user.name}:x:{user.uid}:{user.uid}::/:/bin/false\n"
            group += f"{user.name}:x:{user.uid}:\n"
        texts = {
            "etc/passwd": passwd,
            "etc/group": group,
            # smbd looks its own name up for each session
            "etc/hosts": f"127.0.0.1 localhost {socket.gethostname()}\n",
            "etc/samba/smb.conf": (added / "smb.conf").read_text(),
        }
        for name in ("proc", "dev", "mnt", inside.STATE[1:], inside.SECRETS[1:], str(self.inner_parent)[1:]):
            (self.layer / name).mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (self.layer / name).parent.mkdir(parents=True, exist_ok=True)
            (self.layer / name).write_text(text)
        scripts = self.layer / "usr/local/bin"
        scripts.mkdir(parents=True)
        for path in added.iterdir():
            if path.stat().st_mode & 0o100 and path.is_file():
                shutil.copy(path, scripts)
        shim = self.layer / inside.SHIM[1:]
        shim.parent.mkdir(parents=True)
        shutil.copy(nlinkshim.shim_path(), shim)
        secrets = self.folder / "secrets"
        secrets.mkdir(mode=0o700)
        for user in self.model.users:
            (secrets / user.name).write_text(PASSWORD)
        self.in_image("/usr/local/bin/samba-settings && /usr/local/bin/entrypoint --check-image")

    def in_image(self, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the image as a build step does: what it changes there stays."""
        with self._root(writable=True) as root:
            words = ["unshare", "--mount", "/bin/sh", "-c", IMAGE, "-", str(root), command]
            return processes.run(words, check=check)

    @contextlib.contextmanager
    def started(self, state: str = "mode=0755") -> Iterator[Running]:
        log = self.folder / "log"
        names = [self.parent, self.inner_parent, self.folder / "secrets", state]
        with self._root(writable=False) as root, log.open("w") as out:
            words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "slave"]
            process = processes.start(
                [*words, "/bin/sh", "-c", SERVE, "-", str(root), *map(str, names)], stdout=out, stderr=out
            )
            running = Running(self, process)
            try:
                yield running
            finally:
                running.stop()

    @contextlib.contextmanager
    def serving(self, state: str = "mode=0755") -> Iterator[Running]:
        with self.started(state) as running:
            processes.wait_until(running.serves, 15, "starting the server")
            yield running


@dataclass(frozen=True)
class Running(Reached):
    """A generated server at work."""

    release: Release
    process: subprocess.Popen[Any]

    @property
    def port(self) -> int:
        return self.release.settings.container_port

    @property
    def first(self) -> int:
        """Its first process, as this machine numbers it."""
        return children(self.process.pid)[0]

    def serves(self) -> bool:
        assert self.process.poll() is None, self.log()
        return answers(self.port)

    def log(self) -> str:
        return (self.release.folder / "log").read_text(errors="replace")

    def inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it. Its exit status is for the caller to judge."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--pid", "--root", "--wd"]
        return processes.run([*enter, *words], check=False)

    def stop(self) -> None:
        for pid in children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 15)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(3)
        processes.stop(self.process)


def children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@dataclass(frozen=True)
class Releases:
    """Builds servers in a folder, each combination of version and settings once."""

    folder: Path
    port: int
    built: dict[tuple[str, str], Release]

    @property
    def parent(self) -> Path:
        """Where mounts belong: shared, so what is mounted below appears in the servers."""
        return self.folder / "srv"

    def __call__(self, version: str, **settings: Any) -> Release:
        key = version, repr(sorted(settings.items()))
        if key not in self.built:
            given = {
                "mount_path": f"{self.parent}/dfs",
                "mount_wait": 2,
                "container_port": self.port,
                "sentinel": "readme.txt",
            }
            model = Model.of(Settings.of(given | settings))
            made = Release(version, self.folder / str(len(self.built)), model, self.parent)
            made.folder.mkdir()
            made.layer.mkdir()
            made.build()
            self.built[key] = made
        return self.built[key]


@contextlib.contextmanager
def releases() -> Iterator[Releases]:
    with mounts.temporary_folder("nlinkshim-releases-") as folder:
        made = Releases(folder, free_port(), {})
        made.parent.mkdir()
        with mounts.bound(made.parent, made.parent):
            mounts.share(made.parent)
            yield made

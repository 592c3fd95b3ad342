"""The images that `nlinkshim generate` describes, built and run for real, in a store of the tests' own."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import mounts, processes
from .clients import PASSWORD, Reached
from .samba import answers, free_port

CHECKOUT = Path(__file__).parents[2]
CACHE = CHECKOUT / "build" / "images"  # what takes long to fetch: the base, the wheels that ours needs
DEBIAN = "docker.io/library/debian:{}-slim"
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}  # of the suites that are bases
DEFAULT = "trixie"  # the suite of the default base
# As in Debian's own slim images: no documentation, and nothing synced to the disk.
SLIM = (
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    '--aptopt=Acquire::Languages "none"',
)
SHIM = "/usr/local/lib/nlinkshim.so"
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")

STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/root"
runroot = "{folder}/run"
"""
# The machine may not raise limits, and has no systemd.
CONTAINERS = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/tmp"
"""


@dataclass(frozen=True)
class Outcome:
    """What a container did that ended by itself."""

    code: int
    said: str  # its lines on stderr, without those of the engine

    def refused(self, code: int, *words: str) -> bool:
        """Whether it refused to start, in one line with these words."""
        lines = [line for line in self.said.splitlines() if line.startswith("nlinkshim: ")]
        refusals = [line for line in lines if line.startswith("nlinkshim: refusing to start: ")]
        return self.code == code and len(refusals) == 1 and all(word in refusals[0] for word in words)


@dataclass(frozen=True)
class Store:
    """Podman and buildah on a store in `folder`, that nothing else on the machine sees."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NLINKSHIM_")}
        return kept | {
            "CONTAINERS_STORAGE_CONF": f"{self.folder}/storage.conf",
            "CONTAINERS_CONF": f"{self.folder}/containers.conf",
            "BUILDAH_ISOLATION": "chroot",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin",
        }

    def run(
        self, *words: object, check: bool = True, timeout: float = 60, **env: str
    ) -> subprocess.CompletedProcess[str]:
        command = [str(word) for word in words]
        return processes.run(command, env=self.env | env, check=check, timeout=timeout)

    def podman(self, *words: object, check: bool = True, timeout: float = 60) -> str:
        """What podman prints."""
        return self.run("podman", *words, check=check, timeout=timeout).stdout.strip()

    def derive(self, name: str, containerfile: str) -> str:
        """Build an image from this text, which copies nothing."""
        path = self.folder / f"{name}.containerfile"
        path.write_text(containerfile)
        self.run("buildah", "bud", "--format=docker", "--tag", name, "--file", path, self.folder, timeout=300)
        return name


@contextlib.contextmanager
def store() -> Iterator[Store]:
    """A store that goes with its block; or the one in NLINKSHIM_TEST_STORE, which keeps its layers."""
    with contextlib.ExitStack() as stack:
        if kept := os.environ.get("NLINKSHIM_TEST_STORE"):
            folder = Path(kept)
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder = stack.enter_context(mounts.temporary_folder("nlst-"))  # short, for the sockets in it
        (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
        (folder / "containers.conf").write_text(CONTAINERS.format(folder=folder))
        mine = Store(folder)
        try:
            yield mine
        finally:
            mine.podman("rm", "--force", "--all", "--time", "1", check=False)
            mounts.detach_below(folder)


def import_debian(into: Store, suite: str = DEFAULT) -> str:
    """Make a base image of Debian's packages: there may be no registry to pull it from. Returns its name."""
    name = DEBIAN.format(suite)
    if into.run("podman", "image", "exists", name, check=False).returncode == 0:
        return name
    archive = CACHE / f"{suite}-slim.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = archive.with_suffix(".part.tar")
        processes.run(["mmdebstrap", "--quiet", "--variant=minbase", *SLIM, suite, str(part)], timeout=300)
        part.rename(archive)
    into.podman("import", "--quiet", archive, name, timeout=120)
    return name


@functools.cache
def wheels(suite: str = DEFAULT) -> Path:
    """A folder with the wheel of this checkout and all that it needs, for the Python of a Debian base."""
    version = PYTHONS[suite]
    folder = CACHE / f"wheels-{version}"
    ours = _own_wheel()
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        python = ["--only-binary=:all:", f"--python-version={version}", "--implementation=cp"]
        processes.run([*PIP, "download", *python, "--dest", str(part), str(ours)], timeout=300)
        part.rename(folder)
    for old in folder.glob("nlinkshim-*.whl"):
        old.unlink()
    shutil.copy(ours, folder)
    return folder


@functools.cache
def _own_wheel() -> Path:
    """The wheel of this checkout, which fits each Python."""
    folder = CACHE / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    processes.run([*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)], timeout=300)
    (wheel,) = folder.glob("nlinkshim-*.whl")
    return wheel


@dataclass(frozen=True)
class Image:
    """A generated folder, whose image of smbd is built."""

    store: Store
    folder: Path
    name: str
    port: int
    parent: Path  # of the mount, on this machine

    @contextlib.contextmanager
    def started(self, *flags: object, secrets: Path | None = None) -> Iterator[Container]:
        """A container, started by the generated script `run`. `flags` of podman's go to it too."""
        env: dict[str, Any] = {} if secrets is None else {"SECRETS": str(secrets)}
        ours = ["--network=host", "--restart=no", "--read-only-tmpfs=false"]
        try:
            self.store.run(self.folder / "run", *ours, *flags, **env)
            yield Container(self)
        finally:
            self.store.podman("rm", "--force", "--time", "1", self.container, check=False)

    @contextlib.contextmanager
    def serving(self, *flags: object) -> Iterator[Container]:
        with self.started(*flags) as container:
            processes.wait_until(container.serves, 15, "starting the container")
            yield container

    def run_to_its_end(self, *flags: object, secrets: Path | None = None) -> Outcome:
        """What became of a container that is to refuse to start."""
        with self.started(*flags, secrets=secrets) as container:
            code = int(self.store.podman("wait", self.container, timeout=20))
            return Outcome(code, container.log())

    @property
    def container(self) -> str:
        return f"{self.name}-smbd"


@dataclass(frozen=True)
class Container(Reached):
    """A container that runs."""

    image: Image

    @property
    def port(self) -> int:
        return self.image.port

    @property
    def pid(self) -> int:
        """Of its first process, as this machine numbers it."""
        return int(self._podman("inspect", "--format={{.State.Pid}}", self.image.container))

    def _podman(self, *words: object, check: bool = True) -> str:
        return self.image.store.podman(*words, check=check)

    def serves(self) -> bool:
        state = self._podman("inspect", "--format={{.State.Status}}", self.image.container)
        assert state != "exited", self.log()
        return answers(self.image.port)

    def log(self) -> str:
        done = self.image.store.run("podman", "logs", self.image.container)
        return done.stdout + done.stderr

    def health(self) -> tuple[bool, str]:
        """The health check's verdict, and what it printed last."""
        done = self.image.store.run("podman", "healthcheck", "run", self.image.container, check=False)
        log = self._podman("inspect", "--format={{json .State.Healthcheck.Log}}", self.image.container)
        return done.returncode == 0, json.loads(log)[-1]["Output"]

    def inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it. Its exit status is for the caller to judge."""
        return self.image.store.run("podman", "exec", self.image.container, *words, check=False)

    def processes(self) -> dict[int, str]:
        """Its processes as this machine numbers them, with their command lines."""
        lines = self._podman("top", self.image.container, "hpid,args").splitlines()[1:]
        found = (line.split(maxsplit=1) for line in lines)
        return {int(pid): args for pid, args in found if pid != "?"}  # one that has ended meanwhile

    def stop(self) -> float:
        """Seconds that it takes to end."""
        begin = time.monotonic()
        self._podman("stop", "--time=10", self.image.container)
        return time.monotonic() - begin


@dataclass(frozen=True)
class Builder:
    """Generates folders and builds their image of smbd, each combination of settings once."""

    store: Store
    folder: Path
    port: int
    built: dict[tuple[tuple[str, str], ...], Image] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def parent(self) -> Path:
        """Where mounts belong. It is shared, so what is mounted below appears in containers."""
        return self.folder / "srv"

    def __call__(self, **settings: object) -> Image:
        key = tuple(sorted((name, repr(value)) for name, value in settings.items()))
        if key not in self.built:
            self.built[key] = self._build(f"nlst{next(self.numbers)}", settings)
        return self.built[key]

    def generate(self, name: str, settings: dict[str, object]) -> Path:
        from nlinkshim import generate
        from nlinkshim.engines.generate.settings import Settings

        folder = self.folder / name
        given: dict[str, Any] = {
            "mount_path": f"{self.parent}/dfs",
            "mount_wait": 2,
            "container_port": self.port,
            "wheels": str(wheels()),
            "name": name,
            "tag": name,
        } | settings
        generate("container", folder, settings=Settings.of(given))
        (folder / "secrets").mkdir(mode=0o700)
        for user in given.get("users", ["media"]):
            secret = folder / "secrets" / user.partition("=")[0]
            secret.write_text(PASSWORD)
            secret.chmod(0o600)
        return folder

    def _build(self, name: str, settings: dict[str, object]) -> Image:
        folder = self.generate(name, settings)
        self.store.run(folder / "build", "--layers", timeout=600, ENGINE="buildah", IMAGES="smbd")
        return Image(self.store, folder, name, self.port, self.parent)


@contextlib.contextmanager
def builder(into: Store) -> Iterator[Builder]:
    with mounts.temporary_folder("nlinkshim-images-") as folder:
        made = Builder(into, folder, free_port())
        made.parent.mkdir()
        with mounts.bound(made.parent, made.parent):
            mounts.share(made.parent)
            yield made

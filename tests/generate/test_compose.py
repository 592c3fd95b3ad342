"""The generated compose file, run by podman-compose on a mount that comes, goes and comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import processes
from harness.images import Builder, Image, Store

from nlinkshim import generate
from nlinkshim.engines.generate.settings import Settings
from nlinkshim.engines.generate.toml import read_toml

pytestmark = pytest.mark.timeout(400)  # the first test that needs an image builds it

# What this machine lacks: a network of its own for containers. All else is as generated.
OVERRIDE = """\
services:
  smbd: {network_mode: host, restart: "no"}
  consumer: {network_mode: host, restart: "no"}
  verify: {network_mode: host}
"""


@dataclass(frozen=True)
class Project:
    folder: Path
    store: Store
    built: Image

    def compose(self, *words: str, check: bool = True) -> str:
        files = ["-f", str(self.folder / "compose.yaml"), "-f", str(self.folder / "override.yaml")]
        command = ["podman-compose", "--in-pod=false", "--podman-run-args=--read-only-tmpfs=false", *files]
        return self.store.run(*command, *words, check=check, timeout=300).stdout

    @property
    def server(self) -> str:
        return f"{self.built.name}_smbd_1"

    def healthy(self) -> bool:
        return self.store.run("podman", "exec", self.server, "healthcheck", check=False).returncode == 0


@pytest.fixture(scope="module")
def project(image: Builder) -> Iterator[Project]:
    built = image(sentinel="readme.txt")
    folder = image.folder / "compose"
    generate("compose", folder, settings=Settings.of(read_toml(built.folder / "nlinkshim.toml")))
    (folder / "override.yaml").write_text(OVERRIDE)
    (folder / "secrets").symlink_to(built.folder / "secrets")
    built.store.run(folder / "build", "--layers", timeout=300, ENGINE="buildah", IMAGES="tools")
    project = Project(folder, built.store, built)
    try:
        yield project
    finally:
        project.compose("down", check=False)


def test_the_server_is_up_again_with_the_mount(project: Project, dfs):
    with dfs():
        project.compose("up", "--detach", "--no-build", "smbd")
        processes.wait_until(project.healthy, 20, "serving")
        state = json.loads(project.store.podman("inspect", project.server))[0]
        assert state["HostConfig"]["ReadonlyRootfs"]
        assert state["EffectiveCaps"] == ["CAP_SETGID", "CAP_SETUID"]
    assert not project.healthy()
    with dfs():
        processes.wait_until(project.healthy, 10, "serving the mount that came back")


def test_verify_proves_the_mount(project: Project, dfs):
    with dfs():
        said = project.compose("--profile=verify", "run", "--rm", "-T", "--no-deps", "verify")
    assert said.splitlines()[1].split()[0] == "needed", said


def test_the_consumer_sees_the_next_mount_too(project: Project, dfs):
    with dfs():
        project.compose("up", "--detach", "--no-build", "--no-deps", "consumer")
        name = f"{project.built.name}_consumer_1"
        listing = ["exec", name, "ls", f"{project.built.parent}/dfs"]
        assert "readme.txt" in project.store.podman(*listing)
    with dfs():
        assert "readme.txt" in project.store.podman(*listing)

"""The generated pod, played by `podman kube play`: FUSE server, smbd and what heals, from the real images.

What podman 4.3 cannot do, so that the manifest is changed for it:
- projected volumes (its secret volumes ignore `items` and leave the content in base64): a hostPath holds the
  file with the password;
- init containers in a pod that is always restarted (it restarts them too, for ever): `clear` is run before;
- ports on the host's network.
What it ignores: memory for emptyDir, startup and readiness probes, nodeSelector, strategy, the grace period,
Service and NetworkPolicy. It runs a probe only when asked to, so the probes' commands are run here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import clients, images, mounter, processes
from harness.capability import require
from harness.mounts import topmost

from nlinkshim import generate
from nlinkshim.engines.generate.settings import Settings

pytestmark = pytest.mark.timeout(300)  # the first test builds the images


def playable(manifest: dict[str, Any], secrets: Path) -> str:
    """The Deployment as podman can play it."""
    spec = manifest["spec"]["template"]["spec"]
    del spec["initContainers"]
    for container in spec["containers"]:
        container.pop("ports", None)
    for volume in spec["volumes"]:
        if volume.pop("projected", None):
            volume["hostPath"] = {"path": str(secrets), "type": "Directory"}
    return json.dumps(manifest)


@dataclass(frozen=True)
class Pod:
    store: images.Store
    name: str
    port: int
    mount: Path
    probes: dict[str, list[str]]

    def container(self, name: str) -> str:
        return f"{self.name}-pod-0-{name}"

    def inside(self, name: str, *command: str) -> tuple[int, str]:
        done = self.store.run("podman", "exec", self.container(name), *command, check=False)
        return done.returncode, done.stdout + done.stderr

    def inspect(self, name: str, what: str) -> str:
        return self.store.podman("inspect", f"--format={{{{{what}}}}}", self.container(name))

    def log(self, name: str) -> str:
        done = self.store.run("podman", "logs", self.container(name), check=False)
        return done.stdout + done.stderr

    def listing(self) -> str:
        """What a client on this machine sees."""
        where = ["//127.0.0.1/dfs", f"--port={self.port}", "-s", "/dev/null", "-U", clients.USER]
        command = ["smbclient", *where, "--client-protection=encrypt", "-c", "ls dfs\\*"]
        return processes.run(command, check=False).stdout

    def probe(self, kind: str) -> bool:
        """What the command of smbd's probe finds."""
        return self.inside("smbd", *self.probes[kind])[0] == 0


@pytest.fixture(scope="module")
def pod(image: images.Builder, gofuse_image: str) -> Iterator[Pod]:
    """The pod of a generated Deployment, with go-fuse as its FUSE server."""
    require("catatonit")
    store, name = image.store, "nlkube"
    out = image.folder / name
    mount = image.parent / "dfs"
    settings = {
        "name": name,
        "tag": name,
        "mount_path": str(mount),
        "mount_wait": 20,
        "container_port": image.port,
        "wheels": str(images.wheels()),
        "server_image": gofuse_image,
        "server_command": ["/gofuse", "--attr-timeout=0s", "--entry-timeout=0s", str(mount)],
        "sentinel": "readme.txt",
    }
    generate("kubernetes", out, settings=Settings.of(settings))
    store.run(out / "build", "--layers", timeout=600, ENGINE="buildah", IMAGES="smbd mounter")
    secrets = store.folder / "secrets"
    secrets.mkdir()
    (secrets / "media").write_text(images.PASSWORD)
    (secrets / "media").chmod(0o400)

    manifest = yaml.safe_load((out / "kubernetes/server.yaml").read_text())
    probes = {kind: spec["exec"]["command"] for kind, spec in probes_of(manifest, "smbd")}
    clear = container_of(manifest, "clear")
    played = store.folder / "play.yaml"
    played.write_text(playable(manifest, secrets))
    with contextlib.suppress(FileNotFoundError):
        mount.rmdir()  # the pod makes it, closed to all while nothing is mounted there
    try:
        shared = f"--volume={image.parent}:{image.parent}:rshared"
        store.podman(
            "run", "--rm", "--privileged", shared, "--entrypoint=", clear["image"], *clear["command"]
        )
        store.podman("kube", "play", "--network=host", played, timeout=120)
        pod = Pod(store, name, image.port, mount, probes)
        processes.wait_until(lambda: "readme.txt" in pod.listing(), 40, "serving")
        yield pod
    finally:
        store.podman("kube", "down", played, check=False)
        # A server that is killed while it starts can wait for itself, which only an abort ends.
        with mounter.running(
            out / "image/mounter", store.folder, "clear", mount, limit=1, patience=1
        ) as clearing:
            clearing.process.wait(30)


def container_of(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    spec = manifest["spec"]["template"]["spec"]
    return next(one for one in spec["initContainers"] + spec["containers"] if one["name"] == name)


def probes_of(manifest: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    container = container_of(manifest, name)
    yield from ((kind, container[kind]) for kind in ("startupProbe", "readinessProbe", "livenessProbe"))


def test_the_share_is_served_through_the_pod(pod: Pod):
    """What the FUSE container mounts (Bidirectional) is on the node and in smbd's (HostToContainer)."""
    listed = pod.listing()
    assert "readme.txt" in listed
    assert topmost(pod.mount).fstype == "fuse.lying"
    assert f"the link counts of 0 in a sample of {pod.mount} are corrected" in pod.log("smbd")
    assert pod.probe("readinessProbe")
    assert pod.probe("livenessProbe")


def test_smbd_has_no_more_than_it_needs(pod: Pod):
    assert pod.inspect("smbd", ".HostConfig.Privileged") == "false"
    assert pod.inspect("smbd", ".HostConfig.ReadonlyRootfs") == "true"
    pid = pod.inspect("smbd", ".State.Pid")
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 1 << 6 | 1 << 7  # SETGID, SETUID
    assert status["NoNewPrivs"] == "1"
    assert pod.inside("smbd", "ls", "-l", "/run/secrets/smb")[1].split()[-1] == "media"


def test_a_fuse_server_that_dies(pod: Pod, tell):
    """Its container is started again, as by a kubelet, and the share is there again from the same smbd."""
    smbd, fuse = pod.inspect("smbd", ".State.Pid"), pod.inspect("fuse", ".State.Pid")
    before = topmost(pod.mount)
    begin = time.monotonic()
    os.kill(int(fuse), signal.SIGKILL)
    processes.wait_until(lambda: topmost(pod.mount) not in (None, before), 40, "mounting again")
    processes.wait_until(lambda: "readme.txt" in pod.listing(), 40, "serving again")
    seconds = time.monotonic() - begin
    assert pod.inspect("smbd", ".State.Pid") == smbd
    assert pod.probe("readinessProbe")
    tell(f"FUSE server killed: served again after {seconds:.1f} s")


def test_a_fuse_server_that_hangs(pod: Pod):
    """smbd is not ready, and not to be restarted either."""
    fuse = int(pod.inspect("fuse", ".State.Pid"))
    os.kill(fuse, signal.SIGSTOP)
    try:
        assert not pod.probe("readinessProbe")
        assert pod.probe("livenessProbe")
    finally:
        os.kill(fuse, signal.SIGCONT)
    assert pod.probe("readinessProbe")


def test_liveness_finds_an_smbd_that_is_stuck(pod: Pod):
    pid = int(pod.inspect("smbd", ".State.Pid"))
    os.kill(pid, signal.SIGSTOP)
    try:
        assert not pod.probe("livenessProbe")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert pod.probe("livenessProbe")


def test_the_pod_goes(pod: Pod):
    """What heals takes away the dead mount that a killed FUSE server leaves on the node. Clients then get an
    error, and no empty folder."""

    pod.store.podman("stop", "--time=0", pod.container("fuse"))  # by SIGKILL, and not started again
    processes.wait_until(lambda: topmost(pod.mount) is None, 20, "clearing the mount")
    assert "dead" in pod.log("heal")
    assert "NT_STATUS_ACCESS_DENIED listing" in pod.listing()
    assert not pod.probe("readinessProbe")
    assert pod.probe("livenessProbe")

"""consumer = "direct" and "mixed", as generated, by podman: kube play and podman-compose.

One FUSE server at a time, killed, stopped and started again, and a consumer of each kind that follows without
a restart. Here is no kernel with a CIFS client, so mixed shows an error while there is no server: tests/lab
has both halves. What podman cannot play is told in test_kubernetes_podman.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from generate.test_kubernetes_podman import container_of
from harness import images, mounts, processes
from harness.capability import require

from nlinkshim import generate
from nlinkshim.engines.generate.settings import Settings

pytestmark = pytest.mark.timeout(300)  # the first test builds the image

POLLER = Path(__file__).parents[1] / "lab" / "poller.py"
SENTINEL = "readme.txt"
LIMIT = 40  # seconds, on busy processors
# What this machine lacks: a network of its own for containers.
NAMES = ("clear", "server", "heal", "mounter", "wait", "consumer")


@contextlib.contextmanager
def seen_by(consumers: dict[str, Path]) -> Iterator[list[dict[str, Any]]]:
    """What root sees every 10 ms through each consumer's own root folder; filled at the end."""
    words = [f"{name}={path}" for name, path in consumers.items()]
    poller = processes.start([sys.executable, "-I", str(POLLER), SENTINEL, *words], stdout=subprocess.PIPE)
    found: list[dict[str, Any]] = []
    try:
        yield found
        os.killpg(poller.pid, signal.SIGTERM)
        out, _ = poller.communicate(timeout=20)
        polls = [json.loads(line) for line in out.splitlines()]
        found += [one for one in polls if one["who"] == "root"]  # no other may use /proc/PID/root
    finally:
        processes.stop(poller)


class Setup:
    """Two generated folders with one FUSE server, and a mount that both have."""

    def __init__(self, image: images.Builder, target: str, server: str) -> None:
        self.store, self.target = image.store, target
        self.parent = image.folder / f"own-{target}"
        self.mount = self.parent / "dfs"
        self.client = image.folder / f"seen-{target}" / "dfs"
        self.folders = {kind: image.folder / f"{target}-{kind}" for kind in ("direct", "mixed")}
        common = {
            "mount_path": str(self.mount),
            "server_image": server,
            "server_command": ["/gofuse", "--attr-timeout=0s", "--entry-timeout=0s", str(self.mount)],
            "sentinel": SENTINEL,
            "tag": "nllocal",
        }
        for kind, folder in self.folders.items():
            given = {**common, "name": f"nl{target[:4]}{kind}", "consumer": kind}
            if kind == "mixed":
                given |= {"client_path": str(self.client), "wheels": str(images.wheels())}
                given |= {"server_host": "127.0.0.1"} if target == "compose" else {}
            generate(target, folder, settings=Settings.of(given))

    def root_of(self, container: str) -> Path:
        return Path("/proc") / self.store.podman("inspect", "--format={{.State.Pid}}", container) / "root"

    def drill(self, server: str, consumers: dict[str, str], tell) -> None:
        """The server's container is killed, then stopped and started: who has it follows."""
        roots = {name: self.root_of(container) for name, container in consumers.items()}
        views = {name: Path(f"{root}{self.mount}") for name, root in roots.items()}

        def shown() -> bool:
            line = mounts.topmost(self.mount)
            with contextlib.suppress(OSError):
                return line is not None and all(
                    (view / SENTINEL).stat() and view.stat().st_dev == os.makedev(*line.device)
                    for view in views.values()
                )
            return False

        def again(before: mounts.MountLine | None) -> bool:
            return mounts.topmost(self.mount) not in (None, before) and shown()

        processes.wait_until(shown, LIMIT, "showing the mount")
        with seen_by(views) as polls:
            before = mounts.topmost(self.mount)
            begin = time.monotonic()
            os.kill(int(self.root_of(server).parent.name), signal.SIGKILL)
            processes.wait_until(lambda: again(before), LIMIT, "showing the next mount")
            killed = time.monotonic() - begin
            before = mounts.topmost(self.mount)
            begin = time.monotonic()
            self.store.podman("stop", "--time=5", server)
            self.store.podman("start", server)
            processes.wait_until(lambda: again(before), LIMIT, "showing the last mount")
            stopped = time.monotonic() - begin
            time.sleep(0.2)
            words = ["doctor", self.mount, "--consumer", consumers["direct"]]
            said = self.store.run(sys.executable, "-m", "nlinkshim", *words, check=False).stdout
            assert "PASS  consumer: " in said and "no Samba needed here" in said, said
        tell(f"{self.target}: server killed, seen again after {killed:.1f} s; stopped, {stopped:.1f} s")
        assert {name: self.root_of(container) for name, container in consumers.items()} == roots
        assert not [one for one in polls if one["seen"].startswith("EMPTY")], polls
        assert [one["seen"] for one in polls if one["last"]] == ["ok"] * len(consumers), polls


@pytest.fixture
def setup(request: pytest.FixtureRequest, image: images.Builder, gofuse_image: str) -> Iterator[Setup]:
    require("catatonit")
    setup = Setup(image, request.param, gofuse_image)
    setup.parent.mkdir()
    setup.client.parent.mkdir()
    with contextlib.ExitStack() as stack:
        for folder in (setup.parent, setup.client.parent):
            stack.enter_context(mounts.bound(folder, folder))
            mounts.share(folder)
            stack.callback(mounts.detach_below, folder)
            stack.callback(mounts.detach, folder / "dfs")
        setup.store.run(setup.folders["direct"] / "build", "--layers", timeout=600, ENGINE="buildah")
        # it only sleeps, which this image can do as well as that of the tools
        image_of = "localhost/nlinkshim-{}:nllocal".format
        setup.store.podman("tag", image_of("mounter"), image_of("tools"))
        try:
            yield setup
        finally:
            setup.store.podman("rm", "--force", "--all", "--time=1", check=False)
            setup.store.podman("pod", "rm", "--force", "--all", check=False)


@pytest.mark.parametrize("setup", ["kubernetes"], indirect=True)
def test_kube_play(setup: Setup, tell):
    def manifest(kind: str, name: str) -> dict[str, Any]:
        return dict(yaml.safe_load((setup.folders[kind] / f"kubernetes/{name}.yaml").read_text()))

    def play(one: dict[str, Any]) -> str:
        spec = one["spec"]["template"]["spec"]
        spec.pop("initContainers", None)
        for key in ("hostNetwork", "dnsPolicy"):
            spec.pop(key, None)
        for volume in spec["volumes"]:
            if volume.pop("projected", None):
                volume["emptyDir"] = {}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": one["metadata"], "spec": spec}
        file = setup.store.folder / "play.yaml"
        file.write_text(json.dumps(pod))
        setup.store.podman("kube", "play", "--network=host", file, timeout=120)
        return str(one["metadata"]["name"])

    def run(container: dict[str, Any], *flags: str) -> str:
        words = [*flags, "--entrypoint=", container["image"], *container["command"]]
        return setup.store.podman("run", "--rm", *words, timeout=90)

    server = manifest("direct", "server")
    parent = setup.parent
    run(container_of(server, "clear"), "--privileged", f"--volume={parent}:{parent}:rshared")
    consumer = manifest("direct", "consumer")
    waiting = container_of(consumer, "wait")
    mixed = manifest("mixed", "consumer")
    play(manifest("mixed", "mounter"))
    name = play(server)
    run(waiting, "--cap-drop=ALL", f"--volume={parent}:{parent}:ro,rslave")
    run(
        container_of(mixed, "wait"),
        "--cap-drop=ALL",
        f"--volume={setup.client.parent}:{parent}:ro,rslave",
    )
    kinds = {"direct": f"{play(consumer)}-consumer", "mixed": f"{play(mixed)}-consumer"}
    setup.drill(f"{name}-fuse", kinds, tell)


@pytest.mark.parametrize("setup", ["compose"], indirect=True)
def test_compose(setup: Setup, tell):
    def compose(kind: str, *words: str) -> str:
        folder = setup.folders[kind]
        services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
        override = {name: {"network_mode": "host"} for name in NAMES if name in services}
        (folder / "override.yaml").write_text(json.dumps({"services": override}))
        files = ["-f", str(folder / "compose.yaml"), "-f", str(folder / "override.yaml")]
        return setup.store.run("podman-compose", "--in-pod=false", *files, *words, timeout=120).stdout

    secrets = setup.folders["mixed"] / "secrets"
    secrets.mkdir()
    (secrets / "media").write_text(images.PASSWORD)
    # in the order of their depends_on, which podman 4.3 does not resolve over two steps
    for kind, names in {"direct": ("clear", "server", "heal", "wait"), "mixed": ("mounter", "wait")}.items():
        for name in names:
            compose(kind, "up", "--detach", "--no-build", "--no-deps", name)
            if name in ("clear", "wait"):
                assert setup.store.podman("wait", f"nlcomp{kind}_{name}_1") == "0"
        compose(kind, "up", "--detach", "--no-build", "--no-deps", "consumer")
    names = {kind: f"nlcomp{kind}_consumer_1" for kind in setup.folders}
    setup.drill("nlcompdirect_server_1", names, tell)

"""consumer = "direct" and "mixed": what is written, and which keys have no effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.cli import nlinkshim, one_clear_line
from harness.manifests import Manifests, complaints

from nlinkshim.engines.generate.consumers import OF_SAMBA
from nlinkshim.engines.generate.files import render
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings, table
from nlinkshim.errors import UsageError

pytestmark = pytest.mark.quick

SERVER = {"mount_path": "/srv/fuse/dfs", "server_image": "dfs:1", "sentinel": "media/.sentinel"}
PLACED = {"node_selector": ["kubernetes.io/hostname=node1", "a/b="]}
BESIDE = {
    "app.kubernetes.io/name": "dfs",
    "app.kubernetes.io/component": "server",
}


def rendered(target: str, **keys: Any) -> dict[str, str]:
    model = Model.of(Settings.of(keys))
    model.refuse_for(target)
    return {str(path): file.content.decode() for path, file in render(target, model).items()}


def manifests(files: dict[str, str]) -> Manifests:
    return Manifests.read([text for path, text in files.items() if path.startswith("kubernetes/")])


def pod(found: Manifests, suffix: str) -> dict[str, Any]:
    (one,) = [pod for pod in found.pods if pod.owner.endswith(suffix)]
    return dict(one.spec)


@pytest.mark.parametrize("target", ["compose", "kubernetes"])
@pytest.mark.parametrize("keys", [{}, SERVER, SERVER | PLACED | {"writable": True}])
def test_direct_has_no_samba(target: str, keys: dict[str, Any]) -> None:
    """Nothing of it anywhere: no object, no image, no script, no secret, no port."""
    files = rendered(target, consumer="direct", **keys)
    assert not {Path(path).name for path in files} & {"smb.conf", "entrypoint", "service.yaml", "run"}
    for path, text in files.items():
        if Path(path).name not in ("nlinkshim.toml", "mounter"):
            told = re.sub(r"(?m)^ *#.*|no Samba|mount\.cifs|cifs-utils", "", text)
            assert not re.search(r"smb|samba|secret|password|ports:", told, re.IGNORECASE), path


@pytest.mark.parametrize("keys", [{}, SERVER, SERVER | PLACED | {"writable": True}])
def test_direct_on_kubernetes(keys: dict[str, Any]) -> None:
    """Server and healer share the mount's parent with the node; the consumer receives it, beside them."""
    found = manifests(rendered("kubernetes", consumer="direct", **keys))
    assert complaints(found) == []
    model = Model.of(Settings.of({"consumer": "direct", **keys}))
    parent, mount = model.mount_parent, model.settings.mount_path
    sentinel = list(filter(None, [model.settings.sentinel]))
    consumer = pod(found, "-consumer")
    waits, main = *consumer["initContainers"], *consumer["containers"]
    assert waits["command"][1:] == ["wait", mount, *sentinel]
    writable = bool(keys.get("writable"))
    volume = {"name": "media", "mountPath": parent, "mountPropagation": "HostToContainer"}
    assert waits["volumeMounts"] == main["volumeMounts"] == [volume | {"readOnly": not writable}]
    assert consumer["volumes"] == [{"name": "media", "hostPath": {"path": parent, "type": "Directory"}}]
    assert consumer.get("nodeSelector", {}) == (
        {"kubernetes.io/hostname": "node1", "a/b": ""} if "node_selector" in keys else {}
    )
    if "server_image" not in keys:
        assert [one.owner for one in found.pods] == ["Deployment/dfs-consumer"]
        assert "affinity" not in consumer
        return
    (rule,) = consumer["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule == {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": BESIDE}}
    server = pod(found, "/dfs")
    (clear,), (fuse, heal) = server["initContainers"], server["containers"]
    assert clear["command"][1:] == ["clear", mount]
    assert heal["command"][1:] == ["heal", mount, *sentinel]
    assert heal["readinessProbe"]["exec"]["command"] == ["/usr/local/bin/mounter", "ready"]
    for one in (clear, fuse, heal):
        assert one["volumeMounts"][0] == {
            "name": "fuse",
            "mountPath": parent,
            "mountPropagation": "Bidirectional",
        }


def test_mixed_on_kubernetes() -> None:
    """The mounter shows one path on every node, for which it is given the share and this node's mount."""
    found = manifests(rendered("kubernetes", consumer="mixed", **SERVER))
    assert complaints(found) == []
    mounter = pod(found, "-mounter")
    (container,) = mounter["containers"]
    _, mode, target, source, *options = container["command"]
    assert (mode, target) == ("cifs", "/srv/smb/dfs")
    assert source == "//dfs.media.svc.cluster.local/dfs/dfs"
    assert options[-3:] == ["local=/srv/fuse/dfs", "user=media", "sentinel=media/.sentinel"]
    given = {mount["mountPath"]: mount["mountPropagation"] for mount in container["volumeMounts"][:2]}
    assert given == {"/srv/smb": "Bidirectional", "/srv/fuse": "HostToContainer"}
    consumer = pod(found, "-consumer")
    assert "affinity" not in consumer
    assert consumer["volumes"][0]["hostPath"]["path"] == "/srv/smb"
    assert consumer["containers"][0]["volumeMounts"][0]["mountPath"] == "/srv/fuse"
    assert [one["name"] for one in pod(found, "/dfs")["containers"]] == ["fuse", "heal", "smbd"]


def services(files: dict[str, str]) -> dict[str, Any]:
    return dict(yaml.safe_load(files["compose.yaml"])["services"])


def bound(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["source"], one["target"], one["bind"].get("propagation", "")) for one in service["volumes"]]


def test_direct_in_compose() -> None:
    made = services(rendered("compose", consumer="direct", **SERVER))
    assert list(made) == ["clear", "server", "heal", "wait", "consumer"]
    for name in ("clear", "server", "heal"):
        assert bound(made[name]) == [("/srv/fuse", "/srv/fuse", "rshared")], name
    for name in ("wait", "consumer"):
        assert bound(made[name]) == [("/srv/fuse", "/srv/fuse", "rslave")], name
    assert made["heal"]["command"] == ["heal", "/srv/fuse/dfs", "media/.sentinel"]


def test_mixed_in_compose() -> None:
    """What serves is started on one host alone; the mounter and the consumers on each."""
    files = rendered("compose", consumer="mixed", server_host="10.1.2.3", **SERVER)
    assert "    docker compose --profile server up -d\n" in files["README.md"]
    made = services(files)
    serving = {name for name, service in made.items() if service.get("profiles") == ["server"]}
    assert serving == {"clear", "server", "heal", "smbd"}
    command = made["mounter"]["command"]
    assert command[:3] == ["cifs", "/srv/smb/dfs", "//10.1.2.3/dfs/dfs"]
    assert "local=/srv/fuse/dfs" in command
    assert bound(made["mounter"])[:2] == [
        ("/srv/smb", "/srv/smb", "rshared"),
        ("/srv/fuse", "/srv/fuse", "rslave"),
    ]
    for name in ("wait", "consumer"):
        assert bound(made[name]) == [("/srv/smb", "/srv/fuse", "rslave")], name
        assert not set(made[name]["depends_on"]) & serving, name


def other(value: object) -> object:
    """A valid value of a key of Samba's that is not its default."""
    return {
        "scope": "mount", "shares": ["films"], "beside": ["library"], "users": ["backup"],
        "encryption": "desired", "min_protocol": "SMB3_02", "wheels": "wheels", "client_path": "/srv/a/dfs",
        "service": "LoadBalancer", "service_address": "10.1.2.3", "client_cidrs": ["10.1.0.0/16"],
        "cpu_request": "2", "memory_request": "1Gi", "memory_limit": "2Gi",
    }[str(value)]  # fmt: skip


@pytest.mark.parametrize("key", sorted(OF_SAMBA))
def test_a_key_of_samba_has_no_effect_in_direct(key: str) -> None:
    default = next(field.default for field in table() if field.name == key)
    value = (
        not default if isinstance(default, bool) else default + 1 if isinstance(default, int) else other(key)
    )
    with pytest.raises(UsageError, match=rf"^{key}: has no effect with consumer = \"direct\""):
        Model.of(Settings.of({"consumer": "direct", key: value}))


@pytest.mark.parametrize(
    ("target", "keys", "named"),
    [
        ("container", {"consumer": "direct"}, "consumer"),
        ("compose", {"consumer": "mixed"}, "server_host"),
        ("compose", {"consumer": "direct", "server_host": "a"}, "server_host"),
        ("compose", {"server_host": "a"}, "server_host"),
        ("kubernetes", {"consumer": "mixed", "server_host": "a"}, "server_host"),
        ("kubernetes", {"consumer": "mixed", "shares": ["films=media/films"]}, "shares"),
        ("kubernetes", {"consumer": "mixed", "mount_path": "/srv/smb/dfs"}, "client_path"),
        ("kubernetes", {"consumer": "mixed", "server_host": "a b"}, "server_host"),
    ],
)
def test_what_does_not_go_together_is_refused(
    target: str, keys: dict[str, Any], named: str, folder: Path
) -> None:
    words = [
        word
        for key, value in keys.items()
        for one in (value if isinstance(value, list) else [value])
        for word in (f"--{key.replace('_', '-')}", one)
    ]
    done = nlinkshim("generate", target, "--out", folder / "out", *words)
    assert done.code == 2
    assert one_clear_line(done), done.err
    assert f"{named}: " in done.err
    assert not (folder / "out").exists()

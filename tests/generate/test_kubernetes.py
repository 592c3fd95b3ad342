"""The manifests, without a cluster: they fit the schema, each other, the model, and kustomize."""

from __future__ import annotations

import itertools
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import manifests, processes
from harness.manifests import Manifests, complaints

from nlinkshim.engines.generate.files import render
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings

BIN = Path(sys.executable).parent
ROWS: list[dict[str, dict[str, Any]]] = [
    {"csi": {}, "daemonset": {"consumer": "daemonset"}},
    {"inside": {}, "balanced": {"service": "LoadBalancer", "service_address": "10.1.2.3", "port": 4450}},
    {
        "no-server": {},
        "server": {
            "server_image": "dfs:1",
            "server_command": ["dfs", "--opt=$HOME \"'"],
            "consumer_image": "plex:1",
        },
    },
    {
        "user": {},
        "guest": {"guest": True, "users": [], "encryption": "off"},
        "rootless": {"rootless": True, "users": ["media=3000"]},
        "users": {
            "users": ["media", "backup-1=2000"],
            "node_selector": ["kubernetes.io/hostname=node1", "a/b="],
        },
    },
    {
        "ro": {},
        "rw": {
            "writable": True,
            "client_cidrs": [],
            "tolerations": ["example.org/gpu=yes:NoSchedule", "spare:NoExecute", "any", "empty="],
            "toleration_seconds": 0,
            "prefer_node": ["kubernetes.io/hostname=node2", "disk="],
            "priority_class": "system-cluster-critical",
            "startup_period": 7,
        },
    },
    {
        "whole": {},
        "part": {
            "shares": ["films=media/films", "dfs"],
            "mount_path": "/srv/a/b/dfs",
            "client_path": "/c/dfs",
        },
    },
]


def combinations() -> Iterator[tuple[str, Model]]:
    for names in itertools.product(*ROWS):
        keys: dict[str, Any] = {}
        for row, name in zip(ROWS, names, strict=True):
            keys |= row[name]
        yield "-".join(names), Model.of(Settings.of(keys))


COMBINATIONS = dict(combinations())


def texts(model: Model) -> dict[str, str]:
    files = render("kubernetes", model)
    return {path.name: file.content.decode() for path, file in files.items() if path.parts[0] == "kubernetes"}


def load(name: str) -> Manifests:
    return Manifests.read(list(texts(COMBINATIONS[name]).values()))


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_combination_is_sound(name: str):
    """Schema, values that the schema lets through, references, ports, selectors, privileges."""
    model = COMBINATIONS[name]
    found = Manifests.read(list(texts(model).values()))
    assert complaints(found) == []
    given = model.settings
    kinds = {one["kind"] for one in found.objects}
    assert ("DaemonSet" in kinds, "PersistentVolume" in kinds) == (
        given.consumer == "daemonset",
        given.consumer == "csi",
    )
    (service,) = found.of("Service")
    assert service["spec"]["type"] == given.service
    assert service["spec"].get("loadBalancerIP", "") == given.service_address
    (server,) = found.selected(service["spec"]["selector"])
    assert [c["name"] for c in server.spec["containers"]] == (
        ["fuse", "heal", "smbd"] if given.server_image else ["smbd"]
    )
    assert server.spec.get("nodeSelector", {}) == dict(label.split("=") for label in given.node_selector)
    smbd = server.spec["containers"][-1]
    (port,) = smbd["ports"]
    assert port["containerPort"] == given.container_port
    assert smbd["securityContext"]["readOnlyRootFilesystem"] is True
    assert smbd["securityContext"]["capabilities"] == (
        {"drop": ["ALL"]} if given.rootless else {"drop": ["ALL"], "add": ["SETUID", "SETGID"]}
    )
    wanted = {model.secret(user) for user in model.users}
    assert {
        source["secret"]["name"]
        for volume in server.spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    } == wanted
    if given.server_image:
        command = server.spec["containers"][0]["command"]
        assert [word.replace("$$", "$") for word in command] == list(given.server_command)
        assert not any(re.search(r"(?<!\$)(\$\$)*\$(?!\$)", word) for word in command)
    assert server.spec.get("priorityClassName", "") == given.priority_class
    for pod in found.pods:
        tolerated = [
            taint_of(one) for one in pod.spec.get("tolerations", []) if "tolerationSeconds" not in one
        ]
        assert tolerated == list(given.tolerations), pod.owner
    (policy,) = found.of("NetworkPolicy")
    allowed = [b["ipBlock"]["cidr"] for rule in policy["spec"]["ingress"] for b in rule["from"]]
    assert allowed == list(given.client_cidrs)


def taint_of(toleration: dict[str, Any]) -> str:
    """A toleration as the taint that it is for."""
    value = f"={toleration['value']}" if toleration["operator"] == "Equal" else ""
    return toleration["key"] + value + (f":{toleration['effect']}" if "effect" in toleration else "")


@pytest.mark.parametrize("mount_wait", [1, 60, 3600])
@pytest.mark.parametrize("period", [1, 7, 300])
def test_the_server_is_given_the_time_that_it_takes_itself(mount_wait: int, period: int):
    """Its entrypoint waits for the mount and tells why it ends: no probe may end it before."""
    model = Model.of(Settings.of({"mount_wait": mount_wait, "startup_period": period}))
    manifest = next(yaml.safe_load_all(texts(model)["server.yaml"]))
    probe = manifest["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    given = probe["periodSeconds"] * probe["failureThreshold"]
    assert probe["periodSeconds"] == period
    assert mount_wait + 30 <= given <= mount_wait + 30 + period


def test_a_dead_node_is_left_after_the_seconds_that_were_given():
    found = load("csi-inside-no-server-user-rw-whole")
    (server,) = found.selected(found.of("Service")[0]["spec"]["selector"])
    dead = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        assert {"key": key, **dead} in server.spec["tolerations"]
    (preferred,) = server.spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert [(one["key"], one["values"]) for one in preferred["preference"]["matchExpressions"]] == [
        ("kubernetes.io/hostname", ["node2"]),
        ("disk", [""]),
    ]


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_consumer_sees_the_files_at_the_path_of_the_original(name: str):
    """What smbd serves, the client mounts and the consumer sees, followed by hand from path to path."""
    model = COMBINATIONS[name]
    found = load(name)
    ((_, source, options),) = manifests.mounts_of_the_share(found)
    _, _, _, share, *below = source.split("/")
    served = next(s for s in model.shares if s.name == share)
    original = "/".join([served.path, *below])
    assert original.startswith(model.settings.mount_path)
    (consumer,) = [pod for pod in found.pods if pod.owner.endswith("-consumer")]
    (mount,) = consumer.spec["containers"][0]["volumeMounts"]
    (waits,) = consumer.spec["initContainers"]
    sentinel = [model.client_sentinel] if model.client_sentinel else []
    assert waits["command"][1:] == ["wait", model.consumer_path, *sentinel]
    assert waits["volumeMounts"] == [mount]
    assert mount["mountPropagation"] == "HostToContainer"
    (volume,) = consumer.spec["volumes"]
    if "hostPath" in volume:  # of a mount at client_path it sees the folder above
        (mounter,) = [pod for pod in found.pods if pod.owner.startswith("DaemonSet/")]
        target = mounter.spec["containers"][0]["command"][2]
        seen = mount["mountPath"] + target.removeprefix(volume["hostPath"]["path"])
        assert mounter.spec["volumes"][0]["hostPath"]["path"] == volume["hostPath"]["path"]
    else:
        seen = mount["mountPath"]
    assert seen == original
    assert ("rw" in options, mount["readOnly"]) == (
        (True, False) if model.settings.writable else (False, True)
    )


@pytest.mark.parametrize(
    "name", ["csi-inside-no-server-user-ro-whole", "daemonset-balanced-server-users-rw-part"]
)
def test_kustomize(name: str, folder: Path):
    """kubectl kustomize takes the folder, warns of nothing, and gives out the objects as they are."""
    for file, text in texts(COMBINATIONS[name]).items():
        (folder / file).write_text(text)
    done = processes.run([str(BIN / "kubectl"), "kustomize", str(folder)], timeout=60)
    assert done.stderr == ""
    built = list(yaml.safe_load_all(done.stdout))
    written = [one for one in load(name).objects if one["kind"] != "Job"]
    key = manifests.name_of
    assert sorted(built, key=key) == sorted(written, key=key)
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(kustomization["resources"]) | {"kustomization.yaml", "verify.yaml"} == {
        p.name for p in folder.iterdir()
    }


SERVED = "daemonset-balanced-server-users-rw-part"


def with_patches(text: str, commented: re.Pattern[str]) -> str:
    """The file that is begun for the user, with its example uncommented."""
    begin = commented.search(text)
    assert begin
    lines = text[begin.start() :].splitlines()
    example = [line.removeprefix("#").removeprefix(" ") for line in lines if line.startswith("#")]
    return text[: begin.start()] + "\n".join(example) + "\n"


@pytest.mark.parametrize("name", [SERVED, "csi-inside-no-server-user-ro-whole"])
def test_the_overlay_is_laid_over_the_manifests(name: str, folder: Path):
    """As it is begun it changes nothing; its example changes the Deployment, which stays sound."""
    for path, file in render("kubernetes", COMBINATIONS[name]).items():
        if path.parts[0] in ("kubernetes", "overlay"):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(file.content)
    kustomize = [str(BIN / "kubectl"), "kustomize"]
    plain = processes.run([*kustomize, str(folder / "kubernetes")], timeout=60).stdout
    done = processes.run([*kustomize, str(folder / "overlay")], timeout=60)
    assert (done.stdout, done.stderr) == (plain, "")
    own = folder / "overlay/kustomization.yaml"
    own.write_text(with_patches(own.read_text(), re.compile(r"^# patches:", re.MULTILINE)))
    patched = processes.run([*kustomize, str(folder / "overlay")], timeout=60)
    assert patched.stderr == ""
    found = Manifests.read([patched.stdout])
    (server,) = found.selected(found.of("Service")[0]["spec"]["selector"])
    if name == SERVED:
        fuse = next(one for one in server.spec["containers"] if one["name"] == "fuse")
        assert fuse["env"] == [{"name": "TZ", "value": "Europe/Berlin"}]
        assert fuse["image"] == COMBINATIONS[name].settings.server_image
        assert {"cache", "config", "fuse", "state"} <= {volume["name"] for volume in server.spec["volumes"]}
    else:
        assert server.spec["terminationGracePeriodSeconds"] == 60
    assert list(manifests.schema(found)) == []


def test_the_commands_for_the_secrets_are_those_that_are_referred_to():
    model = COMBINATIONS["csi-inside-no-server-users-ro-whole"]
    comments = re.sub(r"\\\n#", "", texts(model)["kustomization.yaml"])
    commands = [shlex.split(line.lstrip("# ")) for line in comments.splitlines() if "create secret" in line]
    assert [command[6] for command in commands] == [model.secret(user) for user in model.users]
    for command, user in zip(commands, model.users, strict=True):
        assert command[1:3] == ["-n", model.settings.namespace]
        assert f"username={user.name}" in command
        assert "password=PASSWORD-FILE" in command


def test_programs_that_are_run_are_in_the_images():
    """Every absolute program of a command or probe is one that the Containerfile copies there."""
    model = COMBINATIONS["daemonset-balanced-server-users-rw-part"]
    containerfile = render("kubernetes", model)
    text = next(f.content.decode() for path, f in containerfile.items() if path.name == "Containerfile")
    copied = {
        f"/usr/local/bin/{word}"
        for line in text.splitlines()
        if line.startswith("COPY ")
        for word in line.split()
    }
    found = load("daemonset-balanced-server-users-rw-part")
    named = set()
    for pod in found.pods:
        for container in pod.containers:
            named |= {container.get("command", [""])[0]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                named |= set(container.get(probe, {}).get("exec", {}).get("command", [""])[:1])
    named = {program for program in named if program.startswith("/")}
    assert len(named) >= 2
    assert named <= copied

"""Kubernetes manifests, checked without a cluster: the schema, what it lets through, what must fit together.

Each check returns its complaints, one line each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import kubernetes_validate
import yaml

Object = dict[str, Any]

# Values that the API server refuses, or that do something else than meant: to the schema they are strings.
ENUMS = {
    "mountPropagation": {"None", "HostToContainer", "Bidirectional"},
    "dnsPolicy": {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"},
    "restartPolicy": {"Always", "OnFailure", "Never"},
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "protocol": {"TCP", "UDP", "SCTP"},
    "externalTrafficPolicy": {"Cluster", "Local"},
    "persistentVolumeReclaimPolicy": {"Retain", "Delete", "Recycle"},
    "volumeMode": {"Filesystem", "Block"},
    "medium": {"", "Memory"},
    "policyTypes": {"Ingress", "Egress"},
    "accessModes": {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"},
    "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
    "operator": {"Exists", "Equal", "In"},
    "drop": {"ALL"},
    "add": {"SETUID", "SETGID"},
    "pod-security.kubernetes.io/enforce": {"privileged", "baseline", "restricted"},
}
# "type" means something else in each object, by the key that holds it
TYPES = {
    "hostPath": {"", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket"},
    "seccompProfile": {"RuntimeDefault", "Unconfined", "Localhost"},
    "strategy": {"Recreate", "RollingUpdate"},
    "updateStrategy": {"RollingUpdate", "OnDelete"},
    "Service": {"ClusterIP", "LoadBalancer", "NodePort", "ExternalName"},
}
QUANTITY = re.compile(r"[0-9]+(m|Ki|Mi|Gi|Ti)?")
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Pod:
    """What a pod is made from, and by which object."""

    owner: str
    labels: Object
    spec: Object

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


@dataclass(frozen=True)
class Manifests:
    objects: tuple[Object, ...]

    @classmethod
    def read(cls, texts: list[str]) -> Manifests:
        documents = [document for text in texts for document in yaml.safe_load_all(text)]
        return cls(tuple(d for d in documents if not d["apiVersion"].startswith("kustomize.")))

    def of(self, kind: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] == kind]

    @cached_property
    def pods(self) -> list[Pod]:
        return [
            Pod(name_of(one), one["spec"]["template"]["metadata"]["labels"], one["spec"]["template"]["spec"])
            for one in self.objects
            if "template" in one.get("spec", {})
        ]

    @cached_property
    def servers(self) -> list[Pod]:
        return [pod for pod in self.pods if pod.labels.get("app.kubernetes.io/component") == "server"]

    def selected(self, labels: Object) -> list[Pod]:
        return [pod for pod in self.pods if labels and labels.items() <= pod.labels.items()]


def name_of(one: Object) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def complaints(manifests: Manifests) -> list[str]:
    return [line for check in CHECKS for line in check(manifests)]


def schema(manifests: Manifests) -> Iterator[str]:
    for one in manifests.objects:
        if said := _schema(json.dumps(one)):
            yield f"{name_of(one)}: {said}"


@cache
def _schema(text: str) -> str | None:
    try:
        kubernetes_validate.validate(json.loads(text), kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return None


def enums(manifests: Manifests) -> Iterator[str]:
    def walk(value: Any, holder: str, where: str) -> Iterator[str]:
        if isinstance(value, list):
            for one in value:
                yield from walk(one, holder, where)
        elif isinstance(value, dict):
            for key, below in value.items():
                allowed = TYPES.get(holder) if key == "type" else ENUMS.get(key)
                for one in below if isinstance(below, list) else [below]:
                    if allowed and isinstance(one, str) and one not in allowed:
                        yield f"{where}: {key}: {one!r} is not one of {sorted(allowed)}"
                yield from walk(below, key, where)

    for one in manifests.objects:
        yield from walk(one, one["kind"], name_of(one))
        yield from walk(one.get("spec", {}), one["kind"], name_of(one))


def values(manifests: Manifests) -> Iterator[str]:
    """Names, labels and quantities as the API server takes them."""
    for one in manifests.objects:
        where = name_of(one)
        name = one["metadata"]["name"]
        pattern = SERVICE_NAME if one["kind"] == "Service" else SUBDOMAIN
        if not pattern.fullmatch(name) or len(name) > 253:
            yield f"{where}: this is no name for it"
        if one["kind"] not in ("Namespace", "PersistentVolume") and "namespace" not in one["metadata"]:
            yield f"{where}: has no namespace"
        for label in one["metadata"].get("labels", {}).values():
            if not LABEL.fullmatch(label):
                yield f"{where}: {label!r} is no label"


def amounts(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods:
        for container in pod.containers:
            for kind in container.get("resources", {}).values():
                for quantity in kind.values():
                    if not QUANTITY.fullmatch(quantity):
                        yield f"{pod.owner}: {quantity!r} is no quantity"
            for port in container.get("ports", []):
                if len(port.get("name", "")) > 15:
                    yield f"{pod.owner}: the port name {port['name']} is too long"
        for volume in pod.spec.get("volumes", []):
            mode = next((v["defaultMode"] for v in volume.values() if "defaultMode" in v), 0)
            if not 0 <= mode <= 0o777:
                yield f"{pod.owner}: the mode {mode} is no mode"


def privileges(manifests: Manifests) -> Iterator[str]:
    """What only a privileged container may, and what contradicts itself."""
    for pod in manifests.pods:
        if pod.spec.get("hostNetwork") and pod.spec.get("dnsPolicy") != "ClusterFirstWithHostNet":
            yield f"{pod.owner}: on the host's network it resolves no Service without ClusterFirstWithHostNet"
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.owner}: has a token that it does not need"
        for container in pod.containers:
            where = f"{pod.owner}: {container['name']}"
            context = {**pod.spec.get("securityContext", {}), **container.get("securityContext", {})}
            privileged = context.get("privileged", False)
            shares = [
                m["name"]
                for m in container.get("volumeMounts", [])
                if m.get("mountPropagation") == "Bidirectional"
            ]
            if shares and not privileged:
                yield f"{where}: Bidirectional needs a privileged container"
            if privileged and not shares:
                yield f"{where}: is privileged and shares no mount"
            if privileged and context.get("allowPrivilegeEscalation") is False:
                yield f"{where}: privileged, so allowPrivilegeEscalation cannot be false"
            if context.get("runAsNonRoot") and context.get("runAsUser", 0) == 0:
                yield f"{where}: runAsNonRoot and runAsUser 0"
            if not privileged and "securityContext" in container:
                added = set(context.get("capabilities", {}).get("add", []))
                if added and added != {"SETUID", "SETGID"}:
                    yield f"{where}: adds {sorted(added)}"


def volumes(manifests: Manifests) -> Iterator[str]:
    """Mounts name volumes, and volumes claims, that are there."""
    there = {one["metadata"]["name"] for one in manifests.of("PersistentVolumeClaim")}
    for pod in manifests.pods:
        declared = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        used: set[str] = set()
        for container in pod.containers:
            where = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            used |= {mount["name"] for mount in container.get("volumeMounts", [])}
            if len(set(where)) < len(where):
                yield f"{pod.owner}: {container['name']} mounts twice at a path"
        yield from (f"{pod.owner}: there is no volume {name}" for name in used - set(declared))
        yield from (f"{pod.owner}: nobody mounts the volume {name}" for name in set(declared) - used)
        for volume in declared.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in there:
                yield f"{pod.owner}: there is no claim {claim}"


def claims(manifests: Manifests) -> Iterator[str]:
    """A claim and its volume name each other and agree."""
    stored = {one["metadata"]["name"]: one for one in manifests.of("PersistentVolume")}
    for claim in manifests.of("PersistentVolumeClaim"):
        volume = stored.get(claim["spec"]["volumeName"])
        if volume is None:
            yield f"{name_of(claim)}: there is no volume {claim['spec']['volumeName']}"
            continue
        spec = volume["spec"]
        back = (spec["claimRef"]["namespace"], spec["claimRef"]["name"])
        if back != (claim["metadata"]["namespace"], claim["metadata"]["name"]):
            yield f"{name_of(volume)}: is kept for another claim, {back}"
        if spec["storageClassName"] != claim["spec"]["storageClassName"]:
            yield f"{name_of(claim)}: another storage class than its volume's"
        if not set(claim["spec"]["accessModes"]) <= set(spec["accessModes"]):
            yield f"{name_of(claim)}: asks for access that its volume has not"


def secrets(manifests: Manifests) -> Iterator[str]:
    """All Secrets are of users, by reference, in files; none is made."""
    if manifests.of("Secret"):
        yield "a Secret is generated"
    for owner, secret in _secrets(manifests):
        if not re.fullmatch(r".+-user-.+", secret["name"]) or secret.get("optional") is not False:
            yield f"{owner}: the Secret {secret['name']} is no user's, or optional is not said"
        if [item["key"] for item in secret["items"]] != ["password"]:
            yield f"{owner}: of the Secret {secret['name']} only the password is wanted"
        if not secret["name"].endswith(f"-user-{secret['items'][0]['path']}"):
            yield f"{owner}: the Secret {secret['name']} is put where another user's belongs"
    for pod in manifests.pods:
        for container in pod.containers:
            if any("secretKeyRef" in one.get("valueFrom", {}) for one in container.get("env", [])):
                yield f"{pod.owner}: a secret in the environment"


def credentials(manifests: Manifests) -> Iterator[str]:
    """csi-driver-smb logs in as a user whom the server knows, or as a guest."""
    known = {secret["name"] for _, secret in _secrets(manifests)}
    for volume in manifests.of("PersistentVolume"):
        reference = volume["spec"]["csi"].get("nodeStageSecretRef")
        if reference and reference["name"] not in known:
            yield f"{name_of(volume)}: {reference['name']} is a Secret that the server does not know"
        guest = "guest" in volume["spec"]["mountOptions"]
        if guest == bool(reference):
            yield f"{name_of(volume)}: {'a guest with' if guest else 'no guest and without'} a Secret"


def _secrets(manifests: Manifests) -> Iterator[tuple[str, Object]]:
    for pod in manifests.pods:
        for volume in pod.spec.get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                yield pod.owner, source["secret"]


def network(manifests: Manifests) -> Iterator[str]:
    """The Service and the NetworkPolicy are about the server and its port."""
    if not _serves(manifests):
        yield from (f"{name_of(one)}: nobody serves" for one in manifests.of("Service"))
        yield from (f"{name_of(one)}: nobody serves" for one in manifests.of("NetworkPolicy"))
        return
    (service,), (policy,) = manifests.of("Service"), manifests.of("NetworkPolicy")
    (port,) = service["spec"]["ports"]
    for what, labels, number in (
        (service, service["spec"]["selector"], port["targetPort"]),
        (policy, policy["spec"]["podSelector"]["matchLabels"], None),
    ):
        pods = manifests.selected(labels)
        if [pod.owner for pod in pods] != [f"Deployment/{service['metadata']['name']}"]:
            yield f"{name_of(what)}: selects {[pod.owner for pod in pods]}"
        elif number is not None and not _has_port(pods[0], number):
            yield f"{name_of(what)}: its pods have no port {number}"
    for rule in policy["spec"].get("ingress", []):
        if not rule.get("from"):
            yield f"{name_of(policy)}: lets everyone in"
        for allowed in rule["ports"]:
            if not all(
                _has_port(pod, allowed["port"]) for pod in manifests.selected(service["spec"]["selector"])
            ):
                yield f"{name_of(policy)}: its pods have no port {allowed['port']}"


def clients(manifests: Manifests) -> Iterator[str]:
    """They ask for the Service, at its port."""
    if not _serves(manifests):
        yield from (f"{where}: nobody serves" for where, _, _ in mounts_of_the_share(manifests))
        return
    (service,) = manifests.of("Service")
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    port = service["spec"]["ports"][0]["port"]
    for where, source, options in mounts_of_the_share(manifests):
        if source.removeprefix("//").partition("/")[0] != host:
            yield f"{where}: mounts {source}, which is not of the Service"
        asked = [option for option in options if option.startswith("port=")]
        if asked != ([] if port == 445 else [f"port={port}"]):
            yield f"{where}: asks at {asked or 445}, the Service listens at {port}"


def _serves(manifests: Manifests) -> bool:
    return any(container.get("ports") for pod in manifests.pods for container in pod.containers)


def _has_port(pod: Pod, wanted: object) -> bool:
    ports = [port for container in pod.containers for port in container.get("ports", [])]
    return any(wanted in (port.get("name"), port["containerPort"]) for port in ports)


def mounts_of_the_share(manifests: Manifests) -> Iterator[tuple[str, str, list[str]]]:
    """Who mounts the share: what, and with which options."""
    for volume in manifests.of("PersistentVolume"):
        yield (
            name_of(volume),
            volume["spec"]["csi"]["volumeAttributes"]["source"],
            volume["spec"]["mountOptions"],
        )
    for pod in manifests.pods:
        for container in pod.containers:
            command = container.get("command", [])
            if command[1:2] == ["cifs"]:
                yield pod.owner, command[3], command[4:]


def scheduling(manifests: Manifests) -> Iterator[str]:
    """What the API server refuses of tolerations; and where the server stays for ever on a dead node."""
    for pod in manifests.pods:
        for one in pod.spec.get("tolerations", []):
            if one["operator"] == "Exists" and "value" in one:
                yield f"{pod.owner}: the toleration of {one['key']} says Exists and a value"
            if "tolerationSeconds" in one and one.get("effect") != "NoExecute":
                yield f"{pod.owner}: seconds for {one['key']}, of which nobody is driven out"
    for pod in manifests.servers:
        limited = {one["key"] for one in pod.spec.get("tolerations", []) if "tolerationSeconds" in one}
        for key in sorted({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} - limited):
            yield f"{pod.owner}: nobody says how long it tolerates {key}"


def selectors(manifests: Manifests) -> Iterator[str]:
    for one in manifests.objects:
        wanted = one.get("spec", {}).get("selector", {}).get("matchLabels")
        if wanted is not None:
            owners = [pod.owner for pod in manifests.selected(wanted)]
            if owners != [name_of(one)]:
                yield f"{name_of(one)}: its selector matches the pods of {owners}"
    for pod in manifests.pods:
        rules = pod.spec.get("affinity", {}).get("podAffinity", {})
        for rule in rules.get("requiredDuringSchedulingIgnoredDuringExecution", []):
            if manifests.selected(rule["labelSelector"]["matchLabels"]) != manifests.servers:
                yield f"{pod.owner}: wants to be beside something else than the server"


def paths(manifests: Manifests) -> Iterator[str]:
    """What one container mounts, another sees: the same folder of the node, and in the right direction."""
    for pod in manifests.pods:
        folders = {v["name"]: v["hostPath"]["path"] for v in pod.spec.get("volumes", []) if "hostPath" in v}
        for container in pod.containers:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in folders:
                    continue
                folder, direction = folders[mount["name"]], mount.get("mountPropagation", "None")
                if direction == "None":
                    yield f"{pod.owner}: {container['name']} would not see a later mount in {folder}"
                if direction == "Bidirectional" and mount["mountPath"] != folder:
                    yield f"{pod.owner}: {container['name']} sees {folder} elsewhere than the node"


CHECKS = (
    schema,
    enums,
    values,
    amounts,
    privileges,
    volumes,
    claims,
    secrets,
    credentials,
    network,
    clients,
    scheduling,
    selectors,
    paths,
)

"""The checks of the manifests: each finds what it is there for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from generate.test_kubernetes import load
from harness import manifests
from harness.manifests import Manifests, complaints

Change = Callable[[dict[str, Any]], None]


def first(found: Manifests, kind: str, suffix: str = "") -> dict[str, Any]:
    return next(one for one in found.of(kind) if one["metadata"]["name"].endswith(suffix))


def pod_of(one: dict[str, Any]) -> dict[str, Any]:
    return one["spec"]["template"]["spec"]


def server(change: Change) -> Callable[[Manifests], None]:
    return lambda found: change(pod_of(first(found, "Deployment", "dfs")))


def mounter(change: Change) -> Callable[[Manifests], None]:
    return lambda found: change(pod_of(first(found, "DaemonSet")))


def on(kind: str, change: Change) -> Callable[[Manifests], None]:
    return lambda found: change(first(found, kind))


CSI = "csi-inside-server-user-ro-whole"
DAEMONSET = "daemonset-inside-server-user-ro-whole"
# name -> combination, what is broken, and what must be said of it
BROKEN: dict[str, tuple[str, Callable[[Manifests], None], str]] = {
    "unknown field": (CSI, server(lambda pod: pod.update(colour="red")), "colour"),
    "wrong type": (CSI, server(lambda pod: pod.update(terminationGracePeriodSeconds="30")), "'30'"),
    "propagation": (
        CSI,
        server(
            lambda pod: pod["containers"][2]["volumeMounts"][0].update(mountPropagation="HostToContainers")
        ),
        "HostToContainers",
    ),
    "no propagation": (
        CSI,
        server(lambda pod: pod["containers"][2]["volumeMounts"][0].pop("mountPropagation")),
        "would not see a later mount",
    ),
    "dns policy": (
        DAEMONSET,
        mounter(lambda pod: pod.update(dnsPolicy="ClusterFirstWithHostNetwork")),
        "is not one of",
    ),
    "default dns": (DAEMONSET, mounter(lambda pod: pod.pop("dnsPolicy")), "resolves no Service"),
    "host path type": (
        CSI,
        server(lambda pod: pod["volumes"][0]["hostPath"].update(type="Folder")),
        "'Folder'",
    ),
    "medium": (CSI, server(lambda pod: pod["volumes"][1]["emptyDir"].update(medium="RAM")), "'RAM'"),
    "strategy": (
        CSI,
        lambda found: first(found, "Deployment", "dfs")["spec"]["strategy"].update(type="Replace"),
        "'Replace'",
    ),
    "service type": (CSI, on("Service", lambda one: one["spec"].update(type="Internal")), "'Internal'"),
    "traffic": (CSI, on("Service", lambda one: one["spec"].update(externalTrafficPolicy="Near")), "'Near'"),
    "access mode": (
        CSI,
        on("PersistentVolumeClaim", lambda one: one["spec"].update(accessModes=["ReadMany"])),
        "'ReadMany'",
    ),
    "capability": (
        CSI,
        server(
            lambda pod: pod["containers"][2]["securityContext"]["capabilities"]["add"].append("SYS_ADMIN")
        ),
        "SYS_ADMIN",
    ),
    "not privileged": (
        CSI,
        server(lambda pod: pod["containers"][0]["securityContext"].update(privileged=False)),
        "Bidirectional needs",
    ),
    "needlessly privileged": (
        CSI,
        server(lambda pod: pod["containers"][2]["securityContext"].update(privileged=True)),
        "shares no mount",
    ),
    "root that is none": (
        CSI,
        server(lambda pod: pod["containers"][2]["securityContext"].update(runAsNonRoot=True)),
        "runAsNonRoot",
    ),
    "quantity": (
        CSI,
        server(lambda pod: pod["containers"][2]["resources"]["limits"].update(memory="1 GB")),
        "no quantity",
    ),
    "name of a Service": (
        CSI,
        on("Service", lambda one: one["metadata"].update(name="4k")),
        "no name for it",
    ),
    "label": (CSI, on("Service", lambda one: one["metadata"]["labels"].update(a="b c")), "no label"),
    "mode": (
        CSI,
        server(lambda pod: pod["volumes"][-1]["projected"].update(defaultMode=1000)),
        "no mode",
    ),
    "claim": (
        CSI,
        lambda found: pod_of(first(found, "Deployment", "-consumer"))["volumes"][0][
            "persistentVolumeClaim"
        ].update(claimName="other"),
        "no claim other",
    ),
    "volume of the claim": (
        CSI,
        on("PersistentVolumeClaim", lambda one: one["spec"].update(volumeName="other")),
        "no volume other",
    ),
    "claim of the volume": (
        CSI,
        on("PersistentVolume", lambda one: one["spec"]["claimRef"].update(namespace="other")),
        "another claim",
    ),
    "storage class": (
        CSI,
        on("PersistentVolumeClaim", lambda one: one["spec"].update(storageClassName="smb")),
        "another storage class",
    ),
    "undeclared volume": (CSI, server(lambda pod: pod["volumes"].pop()), "no volume passwords"),
    "secret of nobody": (
        CSI,
        on(
            "PersistentVolume", lambda one: one["spec"]["csi"]["nodeStageSecretRef"].update(name="dfs-user-x")
        ),
        "does not know",
    ),
    "no secret": (
        CSI,
        on("PersistentVolume", lambda one: one["spec"]["csi"].pop("nodeStageSecretRef")),
        "without",
    ),
    "optional secret": (
        CSI,
        server(lambda pod: pod["volumes"][-1]["projected"]["sources"][0]["secret"].pop("optional")),
        "optional is not said",
    ),
    "target port": (
        CSI,
        on("Service", lambda one: one["spec"]["ports"][0].update(targetPort="samba")),
        "no port samba",
    ),
    "port": (CSI, on("Service", lambda one: one["spec"]["ports"][0].update(port=446)), "listens at 446"),
    "policy's port": (
        CSI,
        on("NetworkPolicy", lambda one: one["spec"]["ingress"][0]["ports"][0].update(port="samba")),
        "no port samba",
    ),
    "open policy": (
        CSI,
        on("NetworkPolicy", lambda one: one["spec"]["ingress"][0].update({"from": []})),
        "everyone",
    ),
    "policy's pods": (
        CSI,
        on("NetworkPolicy", lambda one: one["spec"]["podSelector"]["matchLabels"].update(x="y")),
        "selects",
    ),
    "service's pods": (
        CSI,
        on("Service", lambda one: one["spec"]["selector"].pop("app.kubernetes.io/component")),
        "selects",
    ),
    "selector": (
        CSI,
        on(
            "Deployment",
            lambda one: one["spec"]["template"]["metadata"]["labels"].update({"app.kubernetes.io/name": "x"}),
        ),
        "its selector matches",
    ),
    "source": (
        DAEMONSET,
        mounter(lambda pod: pod["containers"][0]["command"].__setitem__(3, "//dfs/dfs")),
        "not of the Service",
    ),
    "another path than the node's": (
        DAEMONSET,
        mounter(lambda pod: pod["containers"][0]["volumeMounts"][0].update(mountPath="/mnt")),
        "elsewhere than the node",
    ),
    "seconds without an end": (
        CSI,
        server(lambda pod: pod["tolerations"][0].update(effect="NoSchedule")),
        "nobody is driven out",
    ),
    "a dead node": (CSI, server(lambda pod: pod["tolerations"].pop()), "how long it tolerates"),
    "a value of anything": (
        CSI,
        server(lambda pod: pod["tolerations"][0].update(value="a")),
        "says Exists and a value",
    ),
    "effect": (
        CSI,
        server(lambda pod: pod["tolerations"][0].update(effect="NoExec")),
        "'NoExec'",
    ),
    "affinity": (
        CSI,
        on(
            "Job",
            lambda one: pod_of(one)["affinity"]["podAffinity"][
                "requiredDuringSchedulingIgnoredDuringExecution"
            ][0]["labelSelector"]["matchLabels"].update({"app.kubernetes.io/component": "consumer"}),
        ),
        "something else than the server",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_found(name: str):
    combination, change, expected = BROKEN[name]
    found = Manifests(copy.deepcopy(load(combination).objects))
    assert complaints(found) == []
    change(found)
    assert any(expected in line for line in complaints(found)), complaints(found)


def test_what_the_schema_alone_lets_through():
    """Why there are checks beside it. When this fails, the schema has learned something."""
    passed = set()
    for name, (combination, change, _) in BROKEN.items():
        found = Manifests(copy.deepcopy(load(combination).objects))
        change(found)
        if not list(manifests.schema(found)):
            passed.add(name)
    assert set(BROKEN) - passed == {"unknown field", "wrong type"}

"""The settings of `generate`, in one table: each is a key of the TOML file and a flag of the command."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nlinkshim.arguments import guess, shown
from nlinkshim.engines.generate import values as valid
from nlinkshim.errors import UsageError

Value = str | int | bool | tuple[str, ...]


def _key(
    default: Value,
    meaning: str,
    *,
    check: valid.Check | None = None,
    choices: tuple[str, ...] = (),
    limits: tuple[int, int] = (0, 0),
    optional: bool = False,
) -> Any:  # as dataclasses.field is typed: what it makes stands for a value
    return dataclasses.field(
        default=default,
        metadata={
            "meaning": meaning,
            "check": check,
            "choices": choices,
            "limits": limits,
            "optional": optional,
        },
    )


@dataclass(frozen=True)
class Settings:
    """The values that were given, and defaults for the others; each alone is valid (`model` relates them)."""

    # the mount
    mount_path: str = _key(
        "/mnt/dfs", "where the FUSE file system is mounted, on the host or node", check=valid.mount_path
    )
    sentinel: str = _key(
        "",
        "an entry below the mount that is always there; empty: any entry. The server and the consumers wait "
        "for it, the health check lists it, and a mount without it is none",
        check=valid.relative_path,
        optional=True,
    )
    guard: bool = _key(
        True,
        "close the empty folder below the mount even to root, so that nobody finds an empty library while "
        "nothing is mounted (with a server_image, and the DaemonSet); false for a FUSE server made with "
        "libfuse 2, which refuses such a folder",
    )
    mount_wait: int = _key(
        60, "seconds that the server waits for the mount before it gives up", limits=(1, 3600)
    )
    scope: str = _key(
        "fuse",
        "which mounts the shim corrects: those of a FUSE type, or (mount) the one at mount_path, whatever"
        " its type, such as an overlayfs on a lying mount",
        choices=("fuse", "mount"),
    )
    # the share
    shares: tuple[str, ...] = _key(
        ("dfs",),
        "shares, each NAME or NAME=SUBFOLDER. NAME alone exports the mount's parent folder, so that "
        "clients see a remount at once; NAME=. or a subfolder exports that part of the mount",
        check=valid.share,
    )
    beside: tuple[str, ...] = _key(
        (),
        "names of what else the mount's parent folder holds and a share of it may show, such as another "
        "mount that symbolic links lead to; without, the server refuses to start beside such",
        check=valid.name,
    )
    writable: bool = _key(False, "let clients write")
    wide_links: bool = _key(
        False,
        "follow symbolic links that lead out of the share; a client can then read all that its user may",
    )
    # who may use it
    users: tuple[str, ...] = _key(
        ("media",),
        "users, each NAME or NAME=UID (without: 1000, 1001, …). Passwords come from files named after "
        "them in a folder of secrets",
        check=valid.user,
    )
    guest: bool = _key(False, 'let clients in without a password; needs encryption = "off"')
    encryption: str = _key("required", "SMB encryption on the wire", choices=("required", "desired", "off"))
    min_protocol: str = _key(
        "SMB3_11", "the oldest SMB dialect", choices=("SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
    )
    port: int = _key(445, "the port that clients use", limits=(1, 65535))
    container_port: int = _key(
        10445, "the port of smbd inside its container; a high one needs no capability", limits=(1024, 65535)
    )
    rootless: bool = _key(
        False, "run smbd as its only user, with no capabilities; needs just one user, and no guest"
    )
    # images
    base: str = _key(
        "docker.io/library/debian:trixie-slim",
        "image that smbd's is made from: Debian, Alpine, or one of your own that has smbd, smbclient and "
        "pdbedit in it",
        check=valid.image,
    )
    base_kind: str = _key(
        "auto", "what base is; auto: told by its name", choices=("auto", "debian", "alpine", "own")
    )
    python_image: str = _key(
        "docker.io/library/python:3.13-slim-trixie",
        "image with Python and pip that builds for a base of your own, and is the base of its tools image",
        check=valid.image,
    )
    wheels: str = _key(
        "",
        "folder of wheels to install from (nlinkshim and what it needs) instead of the package index",
        check=valid.printable,
        optional=True,
    )
    registry: str = _key("localhost", "registry and folder of the images", check=valid.registry)
    tag: str = _key(
        "",
        "tag of the images; empty: the version of nlinkshim and a digest of what they are made from, so that "
        "each change makes others. One of your own is to change with them",
        check=valid.tag,
        optional=True,
    )
    # the FUSE server (compose, kubernetes)
    server_image: str = _key(
        "",
        "image of the FUSE server; empty: something else mounts it on the host or node",
        check=valid.image,
        optional=True,
    )
    server_command: tuple[str, ...] = _key(
        (), "its command and arguments, one a string; empty: the image's own", check=valid.printable
    )
    consumer_image: str = _key(
        "",
        "image of the consumer sample, such as a media server; empty: the tools image",
        check=valid.image,
        optional=True,
    )
    # Kubernetes
    name: str = _key("dfs", "what the objects and containers are named after", check=valid.dns_label)
    namespace: str = _key("media", "namespace of all objects", check=valid.dns_label)
    consumer: str = _key(
        "csi",
        "how consumers get at the mount. By the share: csi-driver-smb mounts it on their node, or "
        "(daemonset) a mounter on each node, that heals it too. Without Samba, on the FUSE server's own "
        "node: direct (there alone), mixed (there, and by a mounter elsewhere, at the same path)",
        choices=("csi", "daemonset", "direct", "mixed"),
    )
    server_host: str = _key(
        "",
        "name or address of the host that serves, as the others of a mixed compose project reach it",
        check=valid.host,
        optional=True,
    )
    client_path: str = _key(
        "",
        "where the mounter mounts the share on each node; its last name must be mount_path's; empty: a "
        "folder of that name in /srv/smb",
        check=valid.mount_path,
        optional=True,
    )
    service: str = _key("ClusterIP", "kind of the Service", choices=("ClusterIP", "LoadBalancer"))
    service_address: str = _key(
        "",
        "address of a LoadBalancer, where the cluster lets one choose",
        check=valid.address,
        optional=True,
    )
    node_selector: tuple[str, ...] = _key(
        (), "labels KEY=VALUE of the node that has the mount and runs the server", check=valid.label
    )
    prefer_node: tuple[str, ...] = _key(
        (),
        "labels KEY=VALUE of the node that is to run the server as long as it can; without it another does",
        check=valid.label,
    )
    tolerations: tuple[str, ...] = _key(
        (),
        "taints of nodes that all pods may run on, each KEY, KEY=VALUE, KEY:EFFECT or KEY=VALUE:EFFECT",
        check=valid.taint,
    )
    toleration_seconds: int = _key(
        10,
        "seconds that the server stays on a node that Kubernetes finds dead, before another node gets it "
        "(Kubernetes' own default: 300)",
        limits=(0, 86400),
    )
    priority_class: str = _key(
        "",
        "PriorityClass of the server and the mounter; empty: the cluster's default",
        check=valid.dns_subdomain,
        optional=True,
    )
    startup_period: int = _key(
        1, "seconds between two looks at a server that starts: the first that it passes", limits=(1, 300)
    )
    readiness_period: int = _key(
        5, "seconds between two looks at whether the server is to get new clients", limits=(1, 300)
    )
    liveness_period: int = _key(
        20, "seconds between two looks at whether smbd itself answers", limits=(1, 300)
    )
    client_cidrs: tuple[str, ...] = _key(
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        "networks that may connect: those of the nodes, since CIFS traffic comes from nodes and not from "
        "pods",
        check=valid.cidr,
    )
    cpu_request: str = _key("100m", "processors that smbd asks for", check=valid.cpu)
    memory_request: str = _key("128Mi", "memory that smbd asks for", check=valid.memory)
    memory_limit: str = _key("1Gi", "memory that smbd may take", check=valid.memory)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """The settings with these keys given. Raises UsageError, which names the key."""
        fields = {field.name: field for field in table()}
        for name in given:
            if name not in fields:
                raise UsageError(
                    f"{shown(name)}: no such key{guess(name, fields)}; --print-config shows them all"
                )
        values: dict[str, Any] = {name: _valid(fields[name], value) for name, value in given.items()}
        return cls(**values)


def table() -> Iterator[dataclasses.Field[Any]]:
    """The rows: name, default, and in the metadata what it means and may be."""
    return iter(dataclasses.fields(Settings))


def _valid(field: dataclasses.Field[Any], value: Any) -> Any:
    if isinstance(field.default, tuple):
        if not isinstance(value, (list, tuple)):
            raise UsageError(f"{field.name}: {shown(value)} is no list; expected a list of strings")
        return tuple(_valid_one(field, str, element) for element in value)
    return _valid_one(field, type(field.default), value)


def _valid_one(field: dataclasses.Field[Any], kind: type, value: Any) -> Any:
    """`value`, of this kind exactly: TOML's true is no number."""
    names = {str: "a string", int: "a number", bool: "true or false"}
    if type(value) is not kind:
        raise UsageError(f"{field.name}: {shown(value)} is not right; expected {names[kind]}")
    if complaint := _complaint(field.metadata, value):
        raise UsageError(f"{field.name}: {shown(value)} is not right; {complaint}")
    return value


def _complaint(rules: Mapping[str, Any], value: Any) -> str | None:
    if rules["optional"] and value == "":
        return None
    if rules["choices"] and value not in rules["choices"]:
        return f"expected one of {', '.join(rules['choices'])}"
    low, high = rules["limits"]
    if high and not low <= value <= high:
        return f"expected a number from {low} to {high}"
    check: valid.Check | None = rules["check"]
    return check(value) if check else None

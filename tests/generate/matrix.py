"""Every combination of what changes the shape of the output, and the distinct files that they render to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from nlinkshim.engines.generate.consumers import KINDS, OF_SAMBA
from nlinkshim.engines.generate.files import TARGETS, render
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings

# each row: what the choice is called in a test's name, and the keys that make it
BASES: dict[str, dict[str, Any]] = {
    "debian": {},
    "alpine": {"base": "docker.io/library/alpine:3.20"},
    "own": {"base": "registry.example/samba:4", "base_kind": "own"},
}
CONSUMERS: dict[str, dict[str, Any]] = {
    "csi": {"consumer": "csi"},
    "daemonset": {"consumer": "daemonset"},
    "direct": {"consumer": "direct"},
    "mixed": {"consumer": "mixed", "server_host": "nas-1.example"},
}
WHO: dict[str, dict[str, Any]] = {
    "users": {"users": ["media", "backup=1010"]},
    "guest": {"guest": True, "users": [], "encryption": "off"},
    "guest-and-user": {"guest": True, "encryption": "off", "min_protocol": "SMB2_10"},
    "rootless": {"rootless": True, "wide_links": False},
}
ACCESS: dict[str, dict[str, Any]] = {"ro": {}, "rw": {"writable": True}}
# the other choices, which do not depend on each other
REST: dict[str, dict[str, Any]] = {
    "plain": {},
    "full": {
        "shares": ["dfs", "films=media/films", "all=."],
        "beside": ["library", ".trash"],
        "wide_links": True,
        "sentinel": "media/.sentinel",
        "scope": "mount",
        "server_image": "registry.example/dfs:1",
        "server_command": ["serve", "--label", 'it\'s "$HOME" % `true` é 🎬'],
        "service": "LoadBalancer",
        "service_address": "192.168.1.20",
        "port": 4450,
        "node_selector": ["kubernetes.io/hostname=node1"],
        "prefer_node": ["kubernetes.io/hostname=node1"],
        "tolerations": ["example.org/spare=yes:NoSchedule", "node-role.kubernetes.io/control-plane"],
        "toleration_seconds": 0,
        "priority_class": "system-cluster-critical",
        "startup_period": 3,
        "readiness_period": 30,
        "liveness_period": 60,
        "client_cidrs": ["192.168.1.0/24", "fd00::/8"],
    },
}


def combinations() -> Iterator[tuple[str, str, Model]]:
    """The name of each combination, its target, and its model."""
    for target in TARGETS:
        rows = (BASES, CONSUMERS, REST, WHO, ACCESS)
        for names in itertools.product(*rows):
            keys: dict[str, Any] = {}
            for row, name in zip(rows, names, strict=True):
                keys |= row[name]
            if target != "compose":
                keys.pop("server_host", None)
            if not KINDS[keys["consumer"]].samba:
                if target == "container" or names[3] != "users":  # no Samba, so no users
                    continue
                keys = {key: value for key, value in keys.items() if key not in OF_SAMBA}
            model = Model.of(Settings.of(keys))
            model.refuse_for(target)
            yield "-".join((target, *names)), target, model


@cache
def distinct_files() -> Mapping[tuple[str, str], str]:
    """Every distinct (path, text) of a file, with the name of a combination that makes it."""
    found: dict[tuple[str, str], str] = {}
    for name, target, model in combinations():
        for path, file in render(target, model).items():
            found.setdefault((str(path), file.content.decode()), name)
    return found

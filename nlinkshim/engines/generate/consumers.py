"""The ways in which consumers get at the mount, and which keys have no effect for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nlinkshim.engines.generate.settings import table

if TYPE_CHECKING:
    from nlinkshim.engines.generate.model import Model

Relation = tuple[str, bool, str]  # as model.py has them: key, whether it is wrong, the complaint


@dataclass(frozen=True)
class Kind:
    """A value of the key `consumer`."""

    samba: bool  # smbd serves the share
    mounter: bool = False  # a mounter on each node makes the consumers' mount
    local: bool = False  # consumers see the FUSE mount itself where it is on their node


KINDS = {
    "csi": Kind(samba=True),
    "daemonset": Kind(samba=True, mounter=True),
    "direct": Kind(samba=False, local=True),
    "mixed": Kind(samba=True, mounter=True, local=True),
}
# What only smbd needs, or the way to it.
OF_SAMBA = frozenset(
    (
        *("scope", "mount_wait", "shares", "beside", "wide_links", "users", "guest", "encryption"),
        *("min_protocol", "port", "container_port", "rootless", "wheels", "client_path", "service"),
        *("service_address", "client_cidrs", "cpu_request", "memory_request", "memory_limit"),
    )
)


def relations(model: Model) -> Iterator[Relation]:
    """The rules that depend on the kind of consumer alone."""
    given, kind = model.settings, model.kind
    for field in table():
        if field.name in OF_SAMBA:
            changed = getattr(given, field.name) != field.default
            yield (
                field.name,
                changed and not kind.samba,
                f'has no effect with consumer = "{given.consumer}", which has no Samba; leave it out',
            )
    yield (
        "shares",
        kind.local and model.consumer_path != given.mount_path,
        f'with consumer = "{given.consumer}" consumers see the whole mount; expected a first share of it all,'
        f" such as {model.mount_name}",
    )
    yield (
        "server_host",
        bool(given.server_host) and not (kind.local and kind.samba),
        'has an effect with consumer = "mixed" alone; leave it out',
    )


def relations_of_target(target: str, model: Model) -> Iterator[Relation]:
    """The rules that depend on what is written, too."""
    given, kind = model.settings, model.kind
    yield (
        "consumer",
        target == "container" and not kind.samba,
        'a container is of smbd, and "direct" has none; expected the target compose or kubernetes',
    )
    by_name = target == "compose" and kind.local and kind.samba
    yield (
        "server_host",
        by_name and not given.server_host,
        "expected the name or address under which the other hosts reach the one that serves",
    )
    yield (
        "server_host",
        bool(given.server_host) and not by_name and target != "compose",
        "has an effect in compose alone: in a cluster the Service has a name; leave it out",
    )

"""What a single value of `generate` may be. Each check returns the complaint, or None if the value is well.

A value ends in smb.conf, YAML, a Containerfile and shell scripts. What none of these needs is refused here,
so that nothing downstream depends on escaping alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

Check = Callable[[str], "str | None"]

PATH_CHARACTERS = "letters, digits and / . _ - + @"


SUBDOMAIN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"


def _matching(pattern: str, expected: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: None if compiled.fullmatch(value) else f"expected {expected}"


def absolute_path(value: str) -> str | None:
    if not value.startswith("/"):
        return "expected an absolute path"
    if value == "/" or value.endswith("/"):
        return "expected a path below / without a '/' at its end"
    return relative_path(value[1:])


def relative_path(value: str) -> str | None:
    """A path below some folder, that cannot leave it."""
    if not re.fullmatch(r"[A-Za-z0-9/._+@-]+", value, re.ASCII):
        return f"expected a path of {PATH_CHARACTERS}; a bind mount can give the folder such a name"
    parts = value.split("/")
    if "" in parts or "." in parts or ".." in parts:
        return "expected a path without '//', '.' and '..'"
    if any(part.startswith("-") for part in parts):
        return "expected a path with no name that starts with '-'"
    return None


def name(value: str) -> str | None:
    """An entry of a folder."""
    return "expected a name without '/'" if "/" in value else relative_path(value)


def mount_path(value: str) -> str | None:
    """The share is rooted in the mount's parent, so that must not be the root folder."""
    if complaint := absolute_path(value):
        return complaint
    return None if value.count("/") > 1 else "expected a mount in a folder of its own, such as /mnt/dfs"


def share(value: str) -> str | None:
    """NAME or NAME=SUBFOLDER, with "." for the mount's own root."""
    name, separator, subfolder = value.partition("=")
    # smbd gives these meanings of their own
    if name.lower() in {"global", "homes", "printers", "print$", "ipc$", "admin$"}:
        return f"the share name {name!r} is Samba's own"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name, re.ASCII):
        return "expected a share name of up to 80 letters, digits and . _ -"
    if not separator or subfolder == ".":
        return None
    return relative_path(subfolder)


def user(value: str) -> str | None:
    """NAME or NAME=UID."""
    name, separator, number = value.partition("=")
    # a Unix account and part of the name of a Kubernetes Secret
    if not re.fullmatch(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?", name, re.ASCII):
        return "expected a user name of up to 32 lower case letters, digits and -"
    if name in ("root", "nobody"):
        return "expected a user of its own"
    if not separator:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", number, re.ASCII) or not 1 <= int(number) < 65534:
        return "expected a user id from 1 to 65533 behind '='"
    return None


def image(value: str) -> str | None:
    """A container image reference, with or without registry, tag and digest."""
    part = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    registry = r"(?:[A-Za-z0-9.-]+(?::[0-9]{1,5})?/)?"
    pattern = (
        rf"{registry}{part}(?:/{part})*(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
    )
    return (
        None
        if re.fullmatch(pattern, value, re.ASCII)
        else "expected a container image, such as debian:trixie-slim"
    )


def printable(value: str) -> str | None:
    if not value:
        return "expected some text"
    return None if value.isprintable() else "expected text without control characters"


def cidr(value: str) -> str | None:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        return f"expected a network such as 192.168.1.0/24 ({error})"
    return None


def address(value: str) -> str | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "expected an IP address"
    return None


_LABEL_VALUE = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = rf"(?:(?=[^/]{{1,253}}/){SUBDOMAIN}/)?{_LABEL_VALUE}"


def label(value: str) -> str | None:
    """KEY=VALUE, as Kubernetes' labels are written."""
    if re.fullmatch(rf"{_LABEL_KEY}=(?:{_LABEL_VALUE})?", value, re.ASCII):
        return None
    return "expected a label such as kubernetes.io/hostname=node1"


def taint(value: str) -> str | None:
    """KEY[=VALUE][:EFFECT], as kubectl shows taints."""
    # what Kubernetes puts on a dead node has a key of its own here
    if re.match(r"node\.kubernetes\.io/(?:not-ready|unreachable)(?:[=:]|\Z)", value):
        return "how long the server stays on a dead node is toleration_seconds"
    effects = "NoSchedule|PreferNoSchedule|NoExecute"
    if re.fullmatch(rf"{_LABEL_KEY}(?:=(?:{_LABEL_VALUE})?)?(?::(?:{effects}))?", value, re.ASCII):
        return None
    return "expected a taint such as node-role.kubernetes.io/control-plane:NoSchedule"


host = _matching(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", "the name or IPv4 address of a host"
)
dns_label = _matching(
    r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?", "up to 40 lower case letters, digits and -, a letter first"
)
dns_subdomain = _matching(
    rf"(?=.{{1,253}}\Z){SUBDOMAIN}",
    "a name of lower case letters, digits, - and ., such as system-cluster-critical",
)
registry = _matching(
    r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:/[a-z0-9][a-z0-9._-]*)*", "a registry, such as ghcr.io/me"
)
tag = _matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "an image tag of up to 128 letters, digits and . _ -")
cpu = _matching(r"[1-9][0-9]{0,5}m?", "a number of processors, such as 2 or 500m")
memory = _matching(r"[1-9][0-9]{0,8}(?:Ki|Mi|Gi)", "a size such as 512Mi or 1Gi")

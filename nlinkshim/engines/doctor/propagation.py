"""Checks of mount propagation: does what is mounted here reach containers? (mount_namespaces(7))

A container with a folder of the host gets mounts made below it later only if the mount that holds the folder
is shared on the host; kubelet and podman refuse a Bidirectional (rshared) volume otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer, passed, warned
from nlinkshim.mounts.remedy import Remedy, share
from nlinkshim.mounts.table import Mount

USUAL_PLACE = "/mnt"


def groups(mount: Mount) -> str:
    """How the mount propagates, in words."""
    kinds = {name: number for name, _, number in (tag.partition(":") for tag in mount.optional)}
    words = []
    if "shared" in kinds:
        words.append(f"shared (peer group {kinds['shared']})")
    if "master" in kinds:
        words.append(f"a slave (of peer group {kinds['master']})")
    if "unbindable" in kinds:
        words.append("unbindable")
    return " and ".join(words) or "private"


def is_shared(mount: Mount) -> bool:
    return any(tag.startswith("shared:") for tag in mount.optional)


def is_slave(mount: Mount) -> bool:
    return any(tag.startswith("master:") for tag in mount.optional)


def of_mount(context: Context) -> Iterator[Answer]:
    """The FUSE mount itself: matters to who hands it, and not its parent, to a container."""
    mount = context.mount
    if context.path is None or mount is None or not mount.is_fuse:
        return
    if is_shared(mount):
        yield passed(mount.path, f"the mount is {groups(mount)}")
    else:
        yield warned(
            mount.path,
            f"the mount is {groups(mount)}: as a container's volume of its own it cannot be Bidirectional"
            " (rshared),"
            " and mounts made in it reach nobody",
            Remedy("share it, or better, give containers the folder above it", share(mount, context.mounts)),
        )


def of_parent(context: Context) -> Iterator[Answer]:
    """The mount that the FUSE mount is (or will be) made on: decides whether a new mount reaches
    containers."""
    if context.path is None:
        place, holder = USUAL_PLACE, context.mount_at(USUAL_PLACE)
    elif context.mount is not None and context.mount.is_fuse:
        place, holder = context.mount.path, context.parent
    else:
        place, holder = context.path, context.mount
    if holder is None:
        return
    subject = f"{holder.path} (holds {place})" if holder.path != place else place
    if is_shared(holder):
        yield passed(subject, f"it is {groups(holder)}: what is mounted at {place} reaches containers")
    elif is_slave(holder):
        yield passed(
            subject,
            f"it is {groups(holder)}: it receives the host's mounts (HostToContainer), which is right for a"
            " consumer; a"
            " FUSE server in this container needs Bidirectional",
        )
    else:
        yield warned(
            subject,
            f"it is {groups(holder)}: what is mounted at {place} from now on reaches no container, and a"
            " Bidirectional"
            " (rshared) volume of a folder in it is refused",
            Remedy(
                "share it, then start the FUSE server and the containers again (in a container:"
                " mountPropagation of the volume)",
                share(holder, context.mounts),
            ),
        )

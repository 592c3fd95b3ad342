"""Does what is mounted at the path reach a consumer? (mount_namespaces(7), shared subtrees)

It does if the consumer has the folder above the mount, by a mount that receives from the one that holds it:
of the same peer group, or a slave of that, over any number of steps. What else is seen there may be the mount
of now, but never the next.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from pathlib import Path

from nlinkshim.engines.doctor.container import Consumer
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.propagation import groups
from nlinkshim.engines.doctor.result import Answer, failed, passed, warned
from nlinkshim.mounts.remedy import Remedy, quote, share
from nlinkshim.mounts.table import Mount, mount_of, mount_with_id, read_mounts

_SMB = ("cifs", "smb3")
_FLAG = "rslave (podman, docker, compose) or HostToContainer (Kubernetes)"


def reached(context: Context) -> Iterator[Answer]:
    who, point, holder = context.consumer, context.point, context.holder
    while holder is not None and holder.path == point:  # a dead one below the mount of now
        holder = mount_with_id(context.mounts, holder.parent)
    if who is None or holder is None or point is None:
        return
    folder = posixpath.dirname(point)
    give = f"give it the folder above the mount as a volume: {quote(folder)}, with the flag {_FLAG}"
    subject = f"{who} and {point}"
    mount = context.mount if context.is_mounted else None
    # the most particular first: a process may also have the whole root, by another mount
    places = sorted(_places(folder, holder, who), key=lambda found: -len(found[1].root))
    if not places:
        yield _without_folder(subject, who, point, holder, mount, folder, give)
        return
    now = [
        place for place, _ in places if mount and _is_there(mount, posixpath.join(place, _name(point)), who)
    ]
    for place, top in places:
        if _receives(top, holder):
            there = posixpath.join(place, _name(point))
            if mount is None or place in now:
                yield passed(
                    subject,
                    f"what is mounted at {point} reaches it at {there}, and so does each mount after that:"
                    " no Samba needed here",
                )
            else:
                yield failed(
                    subject,
                    f"{folder} is there by a mount that receives ({groups(top)}), but the mount of now is"
                    " not, since it was made before that",
                    Remedy("start the consumer again"),
                )
            return
    place, top = places[0]
    answer = warned if now else failed
    seen = (
        f"it sees the mount of now at {now[0]}/{_name(point)}, and none that comes after"
        if now
        else (f"it has {folder} at {place}, and does not see what is mounted at {point}")
    )
    yield answer(subject, *_missing(seen, top, holder, folder, context))


def _name(point: str) -> str:
    return posixpath.basename(point)


def _missing(seen: str, top: Mount, holder: Mount, folder: str, context: Context) -> tuple[str, Remedy]:
    """Which of the three is missing: the shared parent, the consumer's flag, the peer group in common."""
    if _group(holder) is None:
        return (
            f"{seen}: the mount that holds {folder} ({holder.path}) is {groups(holder)}, so it hands nothing"
            " on",
            Remedy(
                "share it, then start the FUSE server and the consumer again", share(holder, context.mounts)
            ),
        )
    if not _own_groups(top):
        return (
            f"{seen}: its own mount of {folder} is {groups(top)}, and receives nothing: its flag is"
            " missing, or it was started before the folder was shared",
            Remedy(f"start it anew with the volume's flag {_FLAG}"),
        )
    return (
        f"{seen}: its own mount of {folder} is {groups(top)}, of another peer group than {holder.path} here,"
        f" which is {groups(holder)}: it took the folder before that was mounted or shared",
        Remedy("start the consumer again"),
    )


def _without_folder(
    subject: str, who: Consumer, point: str, holder: Mount, mount: Mount | None, folder: str, give: str
) -> Answer:
    """The consumer has no part of the folder above the mount. What has it instead?"""
    for other in who.mounts:
        if mount is not None and other.device == mount.device:
            return warned(
                subject,
                f"its volume {other.path} is the mount itself: it follows no remount, and keeps a dead one",
                Remedy(f"{give}, instead"),
            )
        if other.device == holder.device and other.root == _below(holder, point):
            return warned(
                subject,
                f"its volume {other.path} is the folder below the mount: it was started while nothing was"
                " mounted, and the next time would be given the mount itself, and follow no remount",
                Remedy(f"{give}, instead"),
            )
    for other in who.mounts:
        if other.fstype in _SMB:
            return warned(
                subject,
                f"it reads {other.source} through Samba, at {other.path}; no Samba is needed on this host",
                Remedy(f"{give}, instead"),
            )
    return failed(subject, f"it has no part of {folder}", Remedy(give))


def _below(mount: Mount, path: str) -> str:
    """A path on a mount, as a path of its file system."""
    inside = path.removeprefix(mount.path.rstrip("/")).strip("/")
    return posixpath.join(mount.root, inside).rstrip("/") or "/"


def _places(folder: str, holder: Mount, who: Consumer) -> Iterator[tuple[str, Mount]]:
    """Where a consumer sees the folder, and by which mount; each place once."""
    wanted = _below(holder, folder)
    told = set()
    for mount in who.mounts:
        root = mount.root.rstrip("/")
        if mount.device != holder.device or not f"{wanted.rstrip('/')}/".startswith(f"{root}/"):
            continue
        place = posixpath.join(mount.path, wanted[len(root) :].strip("/")).rstrip("/") or "/"
        top = mount_of(place, who.mounts)
        # another one over it, of another folder or file system, hides it
        if (
            top is not None
            and top.device == holder.device
            and _below(top, place) == wanted
            and place not in told
        ):
            told.add(place)
            yield place, top


def _is_there(mount: Mount, place: str, who: Consumer) -> bool:
    top = mount_of(place, who.mounts)
    return top is not None and top.device == mount.device


def _tags(mount: Mount) -> dict[str, str]:
    return {name: number for name, _, number in (tag.partition(":") for tag in mount.optional)}


def _group(mount: Mount) -> str | None:
    """The peer group to which what is mounted there goes, or, of a mount that only receives, comes from."""
    tags = _tags(mount)
    return tags.get("shared") or tags.get("master")


def _own_groups(mount: Mount) -> list[str]:
    tags = _tags(mount)
    return [tags[name] for name in ("shared", "master", "propagate_from") if name in tags]


def _receives(top: Mount, holder: Mount) -> bool:
    """Whether what is mounted on `holder` is mounted on `top` too. (The id tells a namespace in common.)"""
    wanted = _group(holder)
    groups = _own_groups(top)
    if top.id == holder.id or wanted in groups:
        return True
    # by way of a mount that neither of the two sees, such as one in the runtime's own namespace
    masters = _masters()
    known = set(groups)
    while groups:
        above = masters.get(groups.pop())
        if above == wanted:
            return True
        if above is not None and above not in known:
            known.add(above)
            groups.append(above)
    return False


def _masters() -> dict[str, str]:
    """Of each peer group that is a slave of another, that one: as all processes on this machine see it."""
    found: dict[str, str] = {}
    namespaces = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            namespace = (process / "ns/mnt").readlink()
            if namespace in namespaces:
                continue
            namespaces.add(namespace)
            for mount in read_mounts(process.name):
                tags = _tags(mount)
                if "shared" in tags and "master" in tags:
                    found[tags["shared"]] = tags["master"]
    return found

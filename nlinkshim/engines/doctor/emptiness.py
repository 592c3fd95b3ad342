"""Checks of what is seen while the mount is gone: a media server that finds its library empty may delete it.

So it is to be an error: for users, by the mode of the folder beneath the mount; for root by the guard too.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nlinkshim.engines.doctor.beneath import COUNTED, Beneath, Listing
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.propagation import is_shared
from nlinkshim.engines.doctor.result import Answer, passed, warned
from nlinkshim.guard import MOUNT_OPTION, NOBODY, UTIL_LINUX
from nlinkshim.mounts.remedy import Remedy, mounted_on, quote, unmount
from nlinkshim.mounts.table import Mount, mount_of, read_mounts

MOST_TOLD = 5  # processes
_CLEAR = "the generated mounter does it: mounter clear PATH"


def beneath_mount(context: Context) -> Iterator[Answer]:
    """For everybody but root."""
    found, point = context.beneath, context.point
    if found is None or point is None:
        return
    if found.unknown is not None:
        yield passed(point, f"what lies beneath it is not known: {found.unknown}")
    elif found.hung:
        yield warned(
            point,
            f"the file system beneath it ({found.fstype or 'not known'}) gives no answer for"
            f" {context.timeout:g} s: while nothing is mounted, who looks hangs",
            "mount it on a folder of a local file system",
        )
    elif found.entries:
        yield _of_entries(found, context, point)
    elif found.user is None:
        yield passed(
            point, f"what lies beneath it is not known of other users: only root may look as uid {found.uid}"
        )
    elif found.user.error == 0:
        yield warned(
            point,
            f"{_while(context)} uid {found.uid} finds an empty folder ({found.fstype}) and no error: a media"
            " server then deletes its library",
            Remedy("close the folder beneath it", _beneath(context, f"chmod 000 -- {quote(point)}")),
        )
    else:
        yield passed(point, f"{_while(context)} uid {found.uid} gets an error: {_said(found.user)}")


def _of_entries(found: Beneath, context: Context, point: str) -> Answer:
    count = f"{found.entries}{' or more' if found.entries >= COUNTED else ''}"
    entries = f"{count} entr{'y' if found.entries == 1 else 'ies'} ({found.fstype})"
    if context.is_mounted:
        return warned(
            point,
            f"beneath the mount there are {entries}, which show while nothing is mounted",
            Remedy(
                "look at them; while the FUSE server is stopped move them away, and close the folder (chmod"
                " 000)",
                _beneath(context, f"ls -la -- {quote(point)}"),
            ),
        )
    return warned(
        point,
        f"nothing is mounted there, and there are {entries}: who looks takes them for the mount's",
        "if a mount belongs there, move them away first, and close the folder (chmod 000)",
    )


def guard(context: Context) -> Iterator[Answer]:
    """For root too."""
    found, point, holder = context.beneath, context.point, context.holder
    if found is None or point is None or holder is None or found.hung:
        return
    if found.root is None:
        there = f"{holder.path} is bound with an id map" if _is_guard(holder) else "there is no guard"
        reason = found.unknown or "this process has not the rights of root on the host"
        yield passed(point, f"{there}; whether root gets an error is not known: {reason}")
    elif found.root.error:
        yield _of_refusal(found.root, context, point, holder)
    elif _is_guard(holder):
        yield warned(
            holder.path,
            f"it is bound with an id map, but that does not close {point}: root lists it, since the map knows"
            " the owner",
            f"stop the FUSE server, umount the guard, and make it anew ({_CLEAR})",
        )
    else:
        why, remedy = _no_guard(found, context, point)
        yield warned(
            point,
            f"{_while(context)} root finds {'entries' if found.root.entries else 'an empty folder'} and no"
            f" error, whatever its mode{why}",
            remedy,
        )


def _of_refusal(seen: Listing, context: Context, point: str, holder: Mount) -> Answer:
    said = f"{_while(context)} root gets an error: {_said(seen)}"
    if not _is_guard(holder):
        return passed(point, said)
    if sum(mount.path == holder.path and _is_guard(mount) for mount in context.mounts) > 1:
        # where it propagates, the one command takes away all of them
        alone = not context.is_mounted and not is_shared(holder)
        return warned(
            holder.path,
            f"{said}; but the guard was made more than once, one on the other, which multiplies what is"
            " mounted on it",
            Remedy("take one away, once the FUSE server is stopped", f"umount -- {quote(holder.path)}")
            if alone
            else f"once the FUSE server is stopped umount it until none is left, and make it anew ({_CLEAR})",
        )
    lacking = _without_guard(holder)
    if lacking:
        named = ", ".join(lacking[:MOST_TOLD]) + (" ..." if len(lacking) > MOST_TOLD else "")
        return warned(
            holder.path,
            f"{said}; but not in containers that took the folder before it was guarded: {named}",
            "start those containers again",
        )
    return passed(holder.path, f"{said} (the parent is bound with an id map that leaves out the owner)")


def _is_guard(mount: Mount) -> bool:
    return "idmapped" in mount.options


def _without_guard(guard: Mount) -> list[str]:
    """Processes, one of each mount namespace, that see the folder by a mount without the guard."""
    seen: set[Path] = set()
    found = []
    for process in sorted((path for path in Path("/proc").iterdir() if path.name.isdecimal()), key=_number):
        try:
            namespace = (process / "ns/mnt").readlink()
            if namespace in seen:
                continue
            seen.add(namespace)
            mounts = read_mounts(process.name)
            name = (process / "comm").read_text(errors="replace").strip()
        except OSError:
            continue
        bare = [m for m in mounts if (m.device, m.root) == (guard.device, guard.root) and not _is_guard(m)]
        if any(mount_of(mount.path, mounts) == mount for mount in bare):
            found.append(f"{process.name} ({name})")
    return found


def _number(process: Path) -> int:
    return int(process.name)


def _no_guard(found: Beneath, context: Context, point: str) -> tuple[str, Remedy | str]:
    """Why there is none, and what to do."""
    parent = str(Path(point).parent)
    if found.covered:
        return f": it is the root of another mount ({found.fstype})", "mount on a plain folder below it"
    if found.guardable == errno.ENOSYS:
        return "; this kernel makes no guard (Linux 5.12 does)", "upgrade the kernel"
    if found.guardable == errno.EINVAL:
        return (
            f"; {found.fstype} takes no id map in this kernel, so it cannot be guarded",
            "mount a small tmpfs at the parent folder, and make the guard there",
        )
    if found.guardable:
        return (
            f"; it cannot be guarded from here: {os.strerror(found.guardable)}",
            "make the guard on the host",
        )
    words = f"guard the parent folder before the FUSE server starts ({_CLEAR})"
    version = _mount_version()
    if version < UTIL_LINUX:
        had = ".".join(map(str, version)) if version else "none"
        return f"; mount(8) of util-linux 2.39 makes a guard (here: {had})", words
    beside = [m for m in context.mounts if m.path.startswith(parent.rstrip("/") + "/")]
    if context.is_mounted or found.root is None or found.root.entries or beside or parent == "/":
        return "", words
    command = (
        f"chmod 000 -- {quote(point)} && chown {NOBODY}:{NOBODY} -- {quote(point)} &&"
        f" mount --bind -o '{MOUNT_OPTION}' -- {quote(parent)} {quote(parent)}"
    )
    return "", Remedy("guard the parent folder before the FUSE server starts", command)


def _mount_version() -> tuple[int, ...]:
    """Of mount(8) of util-linux; empty if there is none."""
    program = shutil.which("mount")
    if program is None:
        return ()
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"util-linux (\d+)\.(\d+)", said.stdout)
    return (int(found[1]), int(found[2])) if found else ()


def _while(context: Context) -> str:
    return "while nothing is mounted," if context.is_mounted else "nothing is mounted there, and"


def _said(seen: Listing) -> str:
    return os.strerror(seen.error)


def _beneath(context: Context, command: str) -> str | None:
    """`command` done beneath the mount, which stays: in a mount namespace where it was taken away."""
    if not context.is_mounted:
        return command
    mount = context.mount
    if mount is None or mounted_on(mount, context.mounts):
        return None
    away = unmount(mount, context.mounts) if mount.is_fuse else f"umount -l -- {quote(mount.path)}"
    if away is None or not away.startswith("umount "):
        return None
    return f"unshare --mount --propagation private sh -c {quote(f'{away} && {command}')}"

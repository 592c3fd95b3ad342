"""What to do about an ailing mount: advice in words and, kept apart from them, the command for it.

A command is one line for `sh`, of printable characters only. It names the very mount that was judged and
changes nothing else: none for `/`, none that unmounts what is not FUSE, none by a path that leads to another
mount.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from nlinkshim.mounts.table import Mount, mount_of, read_mounts

START = "start the FUSE server again"
_FUSECTL = "/sys/fs/fuse/connections"
_FUSERMOUNTS = ("fusermount3", "fusermount")
_PLAIN = "/._-+,:=@ "  # neither printf nor the shell gives them a meaning within its quotes


class Remedy(NamedTuple):
    """`text` is what to do, in words; `command` the line for `sh` that does it or begins it, or None."""

    text: str
    command: str | None = None

    def __str__(self) -> str:
        return self.text if self.command is None else f"{self.text}: {self.command}"


def quote(path: str) -> str:
    """`path` as one word of a command for any POSIX shell, printable whatever its bytes are."""
    if path.isprintable():
        return shlex.quote(path)
    # $(...) drops the line ends at the end; after one of them, "/." names the same folder.
    path += "/." if path.endswith("\n") else ""
    return "\"$(printf '" + "".join(map(_octal, path)) + "')\""


def _octal(character: str) -> str:
    if character.isascii() and (character.isalnum() or character in _PLAIN):
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))


def unmount(mount: Mount, mounts: Sequence[Mount] | None = None) -> str | None:
    """The command that unmounts this FUSE mount, hung or dead as its daemon may be.

    None if it is not FUSE or lies at `/`; if its path leads to another mount, which hides it; or if something
    is mounted on it, which would go too. `mounts` is the list that it is of; default: read now.

    As in every unmounting, what propagation had copied of this very mount to other places goes with it.

    Raises:
        OSError: the list is to be read and cannot be.
    """
    mounts = read_mounts() if mounts is None else mounts
    if not mount.is_fuse or mount.path == "/" or not _is_reached(mount, mounts) or mounted_on(mount, mounts):
        return None
    # fusermount wants the very name, which quote cannot give for one that ends in a newline.
    if os.geteuid() != 0 and mount.owner == os.geteuid() and not mount.path.endswith("\n"):
        program = next(filter(shutil.which, _FUSERMOUNTS), _FUSERMOUNTS[0])
        return f"{program} -u -z -- {quote(mount.path)}"
    # -c: asking for the canonical name may hang.
    command = f"umount -l -c -- {quote(mount.path)}"
    names = [
        name for other in mounts if other.id != mount.id for name in (other.path, other.source.rstrip("/"))
    ]
    if mount.path not in names:
        return command
    # Run again, it would take the mount below this one; and busybox prefers, as util-linux does once the
    # mount is gone, another mount whose source has that name (bindfs gives the folder that it shows). They
    # know no mount by the name with "/.", and as long as the mount is there the kernel does.
    return f"{_while_there(mount)} && umount -l -c -- {quote(mount.path + '/.')}"


def _while_there(mount: Mount) -> str:
    """The condition of a command that would hit another mount once this one is gone."""
    return f"grep -q '^{mount.id} {mount.parent} {mount.device[0]}:{mount.device[1]} ' /proc/self/mountinfo"


def _is_reached(mount: Mount, mounts: Sequence[Mount]) -> bool:
    """Whether the path of the mount leads to it."""
    reached = mount_of(mount.path, mounts)
    return reached is not None and reached.id == mount.id


def mounted_on(mount: Mount, mounts: Sequence[Mount]) -> list[Mount]:
    """What is mounted directly on this mount: a lazy unmount takes it away too."""
    return [other for other in mounts if other.parent == mount.id != other.id]


def abort(mount: Mount) -> str | None:
    """The command, for root, that fails every request waiting for a stuck FUSE daemon: kill and lazy unmount
    do not. None if the mount is not FUSE.

    It ends the file system wherever it is mounted; the list of mounts stays as it is. It works in the mount
    namespace of the list only.
    """
    if not mount.is_fuse:
        return None
    number = mount.device[0] << 20 | mount.device[1]  # the kernel's name for the connection
    end = f"echo 1 > {_FUSECTL}/{number}/abort"
    if not os.path.ismount(_FUSECTL):
        end = f"unshare -m sh -c 'mount -t fusectl none {_FUSECTL} && {end}'"
    # The number is given to the next mount as soon as this one is gone.
    return f"{_while_there(mount)} && {end}"


def remount(mount: Mount, mounts: Sequence[Mount] | None = None) -> Remedy:
    """For a mount whose daemon is gone, or whose answers are stale. Raises as unmount."""
    mounts = read_mounts() if mounts is None else mounts
    if not mount.is_fuse:
        return Remedy(f"let who mounted it ({mount.fstype}) mount it again")
    if mount.path == "/":
        return Remedy("it is the root: start this container or host again")
    if not _is_reached(mount, mounts):
        return Remedy(f"another mount hides it: see findmnt, then {START}")
    if inner := mounted_on(mount, mounts):
        named = ", ".join(other.path for other in inner)
        return Remedy(f"unmount what is mounted on it ({named}), then the mount itself; then {START}")
    return Remedy(f"unmount it, then {START}", unmount(mount, mounts))


def free(mount: Mount, mounts: Sequence[Mount] | None = None) -> Remedy:
    """For a mount whose daemon hangs. Raises as unmount."""
    after = remount(mount, mounts)
    ending = abort(mount)
    if ending is None:
        return Remedy("see the kernel's log; if its server does not come back, " + after.text)
    command = ending if after.command is None else f"{ending}; {after.command}"
    return Remedy(f"end its connection, which frees who waits for it; {after.text}", command)


def open_to_others(mount: Mount) -> Remedy:
    """For a FUSE mount without allow_other that another user is to enter."""
    text = "start the FUSE server again with the mount option allow_other"
    if mount.owner:
        text += f", which uid {mount.owner} may give once /etc/fuse.conf has the line user_allow_other"
    return Remedy(text)


def share(mount: Mount, mounts: Sequence[Mount] | None = None) -> str | None:
    """The command that makes what is mounted on this mount from now on propagate; None if its path leads to
    another. Raises as unmount."""
    mounts = read_mounts() if mounts is None else mounts
    return f"mount --make-shared {quote(mount.path)}" if _is_reached(mount, mounts) else None


def allow_exec(mount: Mount, mounts: Sequence[Mount] | None = None) -> str | None:
    """The command that takes noexec off this mount; None if its path leads to another. Raises as unmount."""
    mounts = read_mounts() if mounts is None else mounts
    return f"mount -o remount,exec {quote(mount.path)}" if _is_reached(mount, mounts) else None

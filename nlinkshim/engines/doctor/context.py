"""What the checks share: the question, the mounts, and one careful look at the path.

Only the look touches the mount. It goes step by step in a child process, and stops at the first step that
hangs.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlinkshim.child import Child, HungError
from nlinkshim.errors import NlinkshimError
from nlinkshim.mounts.illness import DEAD, REFUSED
from nlinkshim.mounts.table import Mount, mount_of, mount_with_id, read_mounts, visible_mount

if TYPE_CHECKING:
    from nlinkshim.engines.doctor.beneath import Beneath
    from nlinkshim.engines.doctor.container import Consumer
    from nlinkshim.engines.verify.result import MountResult

VERIFIED = 1000  # entries looked at for link counts
MAX_LINKS = 40  # that the kernel follows for one path
LISTED = 100  # entries of a folder that are enough to know that it can be listed


@dataclass(frozen=True)
class Step:
    """One call on the path: errno (0: it succeeded), and how long it took in seconds."""

    error: int
    seconds: float
    value: Any = None


@dataclass(frozen=True)
class Look:
    """The steps that were done, by name: those of STEPS; `way`, the path as far as its links were followed;
    `barred`, the first folder that this user may not enter, if there is one. `hung` is the step that did not
    return."""

    steps: dict[str, Step] = field(default_factory=dict)
    hung: str | None = None

    def error(self, step: str) -> int | None:
        """errno of a step; None: it was not done."""
        return self.steps[step].error if step in self.steps else None

    @property
    def ailment(self) -> int | None:
        """errno of what makes the path useless; 0: it answers. statfs counts only where it tells of a dead
        mount, whose listing may be cached: some FUSE servers do without it. None: not known."""
        error = self.error("statfs")
        return error if error in DEAD else self.error("list")

    @property
    def alive(self) -> bool:
        return self.ailment == 0


@dataclass(frozen=True)
class Context:
    """The question. `path` is absolute, or None; `user` is the uid to look as (None: this one); `timeout` is
    for each step on the mount, in seconds."""

    path: str | None
    timeout: float
    user: int | None = None
    consumer: Consumer | None = None  # who asks for the mount

    @cached_property
    def mounts(self) -> list[Mount]:
        """Empty where /proc does not tell."""
        try:
            return read_mounts()
        except OSError:
            return []

    @cached_property
    def look(self) -> Look:
        return look_at(self.path or "/", self.timeout)

    @cached_property
    def real_path(self) -> str:
        """The path with its symbolic links followed, as far as that could be done."""
        steps = self.look.steps
        known = (steps[name].value for name in ("resolve", "way") if name in steps and steps[name].value)
        return str(next(known, os.path.normpath(self.path or "/")))

    @cached_property
    def mount(self) -> Mount | None:
        """The mount that the path is on: what the kernel says, or, where it cannot be asked, the list."""
        return self._mount_in(self.look, self.real_path)

    def mount_at(self, path: str) -> Mount | None:
        """The mount that another path is on."""
        return self._mount_in(look_at(path, self.timeout), path)

    def _mount_in(self, look: Look, path: str) -> Mount | None:
        step = look.steps.get("mount")
        told = None if step is None or step.value is None else mount_with_id(self.mounts, step.value)
        return told or mount_of(path, self.mounts)

    @cached_property
    def parent(self) -> Mount | None:
        """The mount that this mount is mounted on; None at the top of this namespace."""
        mount = self.mount
        return None if mount is None else mount_with_id(self.mounts, mount.parent)

    @property
    def is_mounted(self) -> bool:
        """Whether something is mounted at the path that could go, and not just a folder of this host."""
        mount = self.mount
        if mount is None or mount.is_plain:
            return False
        # a folder of an overlay may be any folder of a container
        return mount.fstype != "overlay" or mount.path == self.real_path

    @cached_property
    def point(self) -> str | None:
        """Where the mount of the path is, or, if there is none, is to be; None where it cannot be told."""
        mount = self.mount
        if self.path is None or mount is None:
            return None
        above = self.real_path.rstrip("/") + "/"
        if not self.is_mounted and any(m.is_fuse and m.path.startswith(above) for m in self.mounts):
            return None  # it is above mounts
        point = mount.path if self.is_mounted else self.real_path
        return None if point == "/" else point

    @cached_property
    def holder(self) -> Mount | None:
        """The mount that holds the folder at `point`."""
        holder = self.mount
        if self.is_mounted:
            # propagation within a shared parent puts a mount there twice
            mount = holder
            while holder is not None and mount is not None and holder.device == mount.device:
                holder = mount_with_id(self.mounts, holder.parent)
        return holder

    @cached_property
    def beneath(self) -> Beneath | None:
        """What is seen at `point` while nothing is mounted there."""
        from nlinkshim.engines.doctor.beneath import look_beneath

        mount = self.mount if self.is_mounted else None
        return None if self.point is None else look_beneath(self.point, mount, self.user, self.timeout)

    def proof(self, path: str) -> MountResult | NlinkshimError:
        """A short verify of a path that answers, or why there is none."""
        from nlinkshim.engines.verify.options import Options
        from nlinkshim.engines.verify.verify import verify

        options = Options(max_entries=VERIFIED, jobs=8, timeout=self.timeout)
        try:
            (result,) = verify([path], options)
        except NlinkshimError as error:
            return error
        return result

    @cached_property
    def own_proof(self) -> MountResult | NlinkshimError | None:
        """Of the path itself; None if it does not answer, or is a folder of this host's own disks."""
        mount = self.mount
        if self.path is None or not self.look.alive or mount is None or mount.is_plain:
            return None
        return self.proof(self.real_path)

    @property
    def looker(self) -> int:
        """The uid that looks."""
        return os.geteuid() if self.user is None else self.user


def look_at(path: str, timeout: float, user: int | None = None) -> Look:
    """Look at a path that may hang. As another user: only if this one is root.

    Raises:
        DiedError: the child process could not do it.
    """
    steps: dict[str, Step] = {}
    try:
        for name, error, seconds, value in Child(
            "nlinkshim.engines.doctor.context:look_in_steps", {"path": path, "user": user}, timeout
        ):
            steps[name] = Step(error, seconds, value)
    except HungError:
        return Look(steps, next((name for name in STEPS if name not in steps), "permissions"))
    return Look(steps)


def look_in_steps(argument: dict[str, Any]) -> Iterator[tuple[str, int, float, Any]]:
    """The task of the child."""
    path = argument["path"]
    if argument["user"] is not None:
        _become(argument["user"])
    begin = time.monotonic()
    for way in follow_links(path):
        path = way
        yield "way", 0, time.monotonic() - begin, path
    yield "resolve", 0, time.monotonic() - begin, path
    for name, call in STEPS.items():
        if call is None:
            continue
        begin = time.monotonic()
        try:
            value, error = call(path), 0
        except OSError as failure:
            value, error = None, failure.errno or errno.EIO
        yield name, error, time.monotonic() - begin, value
    if error in REFUSED:  # of the last step, the listing
        yield "barred", 0, 0.0, _first_barred(path)


def _become(user: int) -> None:
    import pwd

    try:
        account = pwd.getpwuid(user)
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
    except KeyError:
        os.setgroups([])
        os.setgid(user)
    os.setuid(user)


def follow_links(path: str) -> Iterator[str]:
    """`path`, absolute, with one more of its symbolic links replaced each time, until none is left. Asks no
    FUSE daemon for the root of its mount (stat, and so os.path.realpath, does): its name is looked up above
    it, and readlink knows a folder by its type."""
    done, rest, links = "", path.split("/")[::-1], 0
    while rest:
        name = rest.pop()
        if name == "..":
            done = done.rpartition("/")[0]
        elif name not in ("", "."):
            try:
                target = str(Path(f"{done}/{name}").readlink())
            except OSError:
                done += f"/{name}"  # no link; what else is wrong the next steps say
                continue
            links += 1
            if links > MAX_LINKS:
                break
            done = "" if target.startswith("/") else done
            rest += target.split("/")[::-1]
            yield "/".join([done, *rest[::-1]])
    yield done or "/"


def _first_barred(path: str) -> str:
    """The first folder on the way to `path` that refuses this user."""
    names = path.strip("/").split("/")
    for length in range(len(names)):
        folder = "/" + "/".join(names[:length])
        try:
            os.close(os.open(f"{folder}/.", os.O_PATH | os.O_CLOEXEC))
        except OSError:
            return folder
    return path


def _mount_id(path: str) -> int | None:
    mount = visible_mount(path)
    return None if mount is None else mount.id


def _statfs(path: str) -> None:
    os.statvfs(path)


def _list(path: str) -> int:
    with os.scandir(path) as entries:
        return sum(1 for _ in zip(range(LISTED), entries, strict=False))


# What is done on the path, in this order; resolve has more than one result.
STEPS: dict[str, Callable[[str], Any] | None] = {
    "resolve": None,
    "mount": _mount_id,
    "statfs": _statfs,
    "list": _list,
}

"""One careful look at a path that may hang: step by step in a child process, each step timed, up to the first
that does not return."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlinkshim.child import Child, HungError
from nlinkshim.mounts.illness import DEAD, REFUSED
from nlinkshim.mounts.table import visible_mount

MAX_LINKS = 40  # that the kernel follows for one path
A_FILE = -1  # what is listed there is a file
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
    def is_file(self) -> bool:
        return "list" in self.steps and self.steps["list"].value == A_FILE

    @property
    def alive(self) -> bool:
        return self.ailment == 0


def look_at(path: str, timeout: float, user: int | None = None) -> Look:
    """Look at a path that may hang. As another user: only if this one is root.

    Raises:
        DiedError: the child process could not do it.
    """
    steps: dict[str, Step] = {}
    try:
        for name, error, seconds, value in Child(
            "nlinkshim.mounts.look:look_in_steps", {"path": path, "user": user}, timeout
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
    """`path`, absolute, after each of its names, symbolic links replaced as far as that one. Asks no
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
            else:
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


def count_entries(folder: str | int) -> int:
    """How many entries a folder has, up to LISTED; by path, or open."""
    with os.scandir(folder) as entries:
        return sum(1 for _ in zip(range(LISTED), entries, strict=False))


def _list(path: str) -> int:
    """count_entries(), or A_FILE, of which the first byte was read."""
    try:
        return count_entries(path)
    except NotADirectoryError:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise
        with open(path, "rb", buffering=0) as file:
            file.read(1)
        return A_FILE


# What is done on the path, in this order; resolve has more than one result.
STEPS: dict[str, Callable[[str], Any] | None] = {
    "resolve": None,
    "mount": _mount_id,
    "statfs": _statfs,
    "list": _list,
}

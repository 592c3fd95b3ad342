"""What the checks share: the question, the mounts, and one careful look at the path.

Only the look touches the mount. It goes step by step in a child process, and stops at the first step that
hangs.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nlinkshim.child import Child, HungError
from nlinkshim.mounts import Mount, mount_of, read_mounts

LISTED = 100  # entries of a folder that are enough to know that it can be listed


@dataclass(frozen=True)
class Step:
    """One call on the path: errno (0: it succeeded), and how long it took in seconds."""

    error: int
    seconds: float
    value: Any = None


@dataclass(frozen=True)
class Look:
    """The steps that were done, by name: resolve, statfs, list. `hung` is the step that did not return."""

    steps: dict[str, Step] = field(default_factory=dict)
    hung: str | None = None

    def error(self, step: str) -> int | None:
        """errno of a step; None: it was not done."""
        return self.steps[step].error if step in self.steps else None

    @property
    def alive(self) -> bool:
        return self.error("statfs") == 0 and self.error("list") == 0


@dataclass(frozen=True)
class Context:
    """The question. `path` is absolute, or None; `user` is the uid to look as (None: this one); `timeout` is
    for each step on the mount, in seconds."""

    path: str | None
    timeout: float
    user: int | None = None

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
        step = self.look.steps.get("resolve")
        return str(step.value) if step is not None and step.value else os.path.normpath(self.path or "/")

    @cached_property
    def mount(self) -> Mount | None:
        """The mount that the path is on."""
        return mount_of(self.real_path, self.mounts)

    @cached_property
    def parent(self) -> Mount | None:
        """The mount that this mount is mounted on; None at the top of this namespace."""
        mount = self.mount
        return next((m for m in self.mounts if mount and m.id == mount.parent and m.id != mount.id), None)

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
    order = ["resolve", "statfs", "list"]
    try:
        for name, error, seconds, value in Child(
            "nlinkshim.checkup.context:look_in_steps", {"path": path, "user": user}, timeout
        ):
            steps[name] = Step(error, seconds, value)
    except HungError:
        return Look(steps, next(name for name in order if name not in steps))
    return Look(steps)


def look_in_steps(argument: dict[str, Any]) -> Iterator[tuple[str, int, float, Any]]:
    """The task of the child."""
    path = argument["path"]
    if argument["user"] is not None:
        _become(argument["user"])
    for name, call in (("resolve", _resolve), ("statfs", _statfs), ("list", _list)):
        begin = time.monotonic()
        try:
            value, error = call(path), 0
        except OSError as failure:
            value, error = None, failure.errno or errno.EIO
        if name == "resolve":
            path = value or path
        yield name, error, time.monotonic() - begin, value


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


def _resolve(path: str) -> str:
    """Follow symbolic links without asking the file system of the path itself: stat of a dead mount's root
    hangs, but its name is looked up above it, and readlink knows a folder by its type."""
    parent, name = os.path.split(os.path.normpath(path))
    real = str(Path(os.path.realpath(parent), name))
    try:
        Path(real).readlink()
    except OSError:
        return real
    return os.path.realpath(real)


def _statfs(path: str) -> None:
    os.statvfs(path)


def _list(path: str) -> int:
    with os.scandir(path) as entries:
        return sum(1 for _ in zip(range(LISTED), entries, strict=False))

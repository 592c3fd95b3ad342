"""What the checks share: the question, the mounts, and one careful look at the path. Only the look touches
the mount."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nlinkshim.errors import NlinkshimError
from nlinkshim.mounts.look import Look, look_at
from nlinkshim.mounts.table import Mount, mount_of, mount_with_id, read_mounts

if TYPE_CHECKING:
    from nlinkshim.engines.doctor.beneath import Beneath
    from nlinkshim.engines.doctor.container import Consumer
    from nlinkshim.engines.verify.result import MountResult

VERIFIED = 1000  # entries looked at for link counts


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
            (result,) = verify([path], options=options)
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

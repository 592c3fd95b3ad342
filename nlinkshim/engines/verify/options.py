"""How verify walks: what its caller may choose."""

from __future__ import annotations

import os
from typing import NamedTuple

from nlinkshim import arguments
from nlinkshim._walker import lib
from nlinkshim.errors import UsageError
from nlinkshim.shim.preload import checked_scope

# Threads wait for the daemon most of the time: far more of them than cores pay.
DEFAULT_JOBS = 32


class Options(NamedTuple):
    """How `verify` walks."""

    jobs: int = DEFAULT_JOBS  # threads, 64 at most
    one_file_system: bool = True  # False: what is mounted below a path too, each mount with its own result
    thorough: bool = False  # ask the daemon afresh for every entry
    every_entry_point: bool = False  # compare all entry points of libc for every entry
    sample: int = 1024  # both for one entry in so many
    max_entries: int = 0  # stop after so many; 0: no limit
    exclude: str | tuple[str, ...] = ()  # patterns of names, or, with a '/', of paths below the path
    timeout: float = 30.0  # seconds that one call on the mount may take
    scope: str | os.PathLike[str] | None = None  # fuse, off, or mount paths joined by ':'; None: fuse
    shim: str | os.PathLike[str] | None = None  # the file to verify; None: the installed one
    plain: bool = False  # the paths are meant though no FUSE file system is mounted there

    def check(self) -> None:
        """Raises UsageError for what is out of range."""
        limits = {"jobs": (1, lib.WALK_MAX_JOBS), "sample": (1, 2**31), "max_entries": (0, 2**63)}
        for name, (least, most) in limits.items():
            arguments.number(f"--{name.replace('_', '-')}", getattr(self, name), least, most)
        for name in ("one_file_system", "thorough", "every_entry_point", "plain"):
            arguments.flag(f"--{name.replace('_', '-')}", getattr(self, name))
        arguments.seconds("--timeout", self.timeout)
        for pattern in self.patterns:
            arguments.text("--exclude", pattern)
        if self.shim is not None:
            arguments.path("--shim", self.shim)
        if self.scope is not None:
            checked_scope(self.scope)

    @property
    def patterns(self) -> tuple[str, ...]:
        """`exclude`, of which a str is one."""
        if isinstance(self.exclude, str):
            return (self.exclude,)
        if not isinstance(self.exclude, tuple | list):
            raise UsageError(f"--exclude {arguments.shown(self.exclude)}: give patterns")
        return tuple(self.exclude)

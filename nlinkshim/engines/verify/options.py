"""How verify walks: what its caller may choose."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from nlinkshim import arguments
from nlinkshim._walker import lib
from nlinkshim.errors import UsageError
from nlinkshim.shim.preload import checked_scope

# Threads wait for the daemon most of the time: far more of them than cores pay.
DEFAULT_JOBS = 32


class Options(NamedTuple):
    """How to walk. `timeout` is how many seconds one call may take; `one_file_system` off walks what is
    mounted below a path too, each mount with a result of its own; `plain` says that the paths are meant
    though no FUSE file system is mounted there."""

    jobs: int = DEFAULT_JOBS
    one_file_system: bool = True
    thorough: bool = False
    every_entry_point: bool = False
    sample: int = 1024
    max_entries: int = 0
    exclude: tuple[str, ...] = ()
    timeout: float = 30.0
    scope: str | None = None
    shim: Path | None = None
    plain: bool = False

    def check(self) -> None:
        """Raises UsageError for what is out of range."""
        limits = {"jobs": (1, lib.WALK_MAX_JOBS), "sample": (1, 2**31), "max_entries": (0, 2**63)}
        for name, (least, most) in limits.items():
            arguments.number(f"--{name.replace('_', '-')}", getattr(self, name), least, most)
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

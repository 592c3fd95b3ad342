"""verify itself: one walk a path, and what it means. The mount is touched by the worker only."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nlinkshim._walker import lib
from nlinkshim.errors import UsageError
from nlinkshim.mounts import mount_of, read_mounts
from nlinkshim.preload import check_machine, preload_environment, shim_path
from nlinkshim.verifier.supervise import Progress, walk_under_shim
from nlinkshim.verifier.verdict import MountFacts, MountResult, judge

# Threads wait for the daemon most of the time: far more of them than cores pay.
DEFAULT_JOBS = 32


class Options(NamedTuple):
    """How to walk. `timeout` is how many seconds one call may take."""

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

    def check(self) -> None:
        """Raises UsageError for what is out of range."""
        limits = {"jobs": (1, lib.WALK_MAX_JOBS), "sample": (1, 2**31), "max_entries": (0, 2**63)}
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} {getattr(self, name)}: give a number from {least} to {most}")
        if not 0 < self.timeout < float("inf"):
            raise UsageError(f"--timeout {self.timeout}: give a number of seconds above 0")


def verify(
    paths: Sequence[str | os.PathLike[str]], options: Options | None = None, progress: Progress | None = None
) -> list[MountResult]:
    """Walk each path and compare raw with interposed answers.

    `progress` is called about 20 times a second with the entries and lies counted so far.

    Raises:
        UsageError: a path does not exist or is no folder, or an option is out of range.
        NotLoadedError: the loader did not inject the shim, or it is another version.
    """
    options = options or Options()
    options.check()
    shim = options.shim or shim_path()
    check_machine(shim)
    results = []
    for path in paths:
        result, interrupted = _verify_one(os.fspath(path), options, shim, progress)
        results.append(result)
        if interrupted:
            break
    return results


def _verify_one(
    path: str, options: Options, shim: Path, progress: Progress | None
) -> tuple[MountResult, bool]:
    begin = time.monotonic()
    environment = preload_environment(scope=options.scope, shim=shim)
    walk = walk_under_shim(path, options, environment, shim, progress)
    if walk.root_error in _NO_FOLDER:
        raise UsageError(f"{path}: {_NO_FOLDER[walk.root_error]}")
    facts = _mount_facts(path, walk.root_mount_id)
    verdict, cause, remedy = judge(walk, path, facts, os.geteuid(), options.timeout)
    return (
        MountResult(
            path=path,
            verdict=verdict,
            fstype=facts.fstype,
            entries=walk.entries,
            lies=walk.lies,
            corrected=walk.corrected,
            wrong=walk.wrong,
            errors=walk.errors,
            seconds=round(time.monotonic() - begin, 3),
            cause=cause,
            remedy=remedy,
            samples=walk.samples,
        ),
        walk.interrupted,
    )


_NO_FOLDER = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "is not a folder; give a mount or a folder of it",
}


def _mount_facts(path: str, mount_id: int) -> MountFacts:
    """What mountinfo says of the mount: found by its id, or, if it could not be asked, by the path's text."""
    mounts = read_mounts()
    mount = next((mount for mount in mounts if mount.id == mount_id), None) or mount_of(
        os.path.abspath(path),
        mounts,
    )
    if mount is None:
        return MountFacts()
    return MountFacts(
        fstype=mount.fstype,
        mount_point=mount.path,
        is_fuse=mount.is_fuse,
        allow_other=mount.allow_other,
        owner=mount.owner,
        abort_command=mount.abort_command(),
    )

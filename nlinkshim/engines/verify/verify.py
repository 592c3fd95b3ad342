"""verify itself: one walk a path, and what it means. The mount is touched by the worker only."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nlinkshim import arguments
from nlinkshim.engines.verify.judge import Facts, Walk, judge, result_of
from nlinkshim.engines.verify.options import Options
from nlinkshim.engines.verify.result import MountResult
from nlinkshim.engines.verify.supervise import Progress, walk_under_shim
from nlinkshim.errors import IncompleteError, UsageError
from nlinkshim.mounts.illness import NO_FOLDER
from nlinkshim.mounts.table import mount_of, mount_with_id, read_mounts
from nlinkshim.shim.preload import check_machine, preload_environment, shim_path


def verify(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    options: Options | None = None,
    progress: Progress | None = None,
) -> list[MountResult]:
    """Walk each path and compare raw with interposed answers. A result a path, and one for each mount below
    it where `options.one_file_system` is off. A str is one path.

    `progress` is called about 20 times a second with the entries and lies counted so far. Ctrl-C
    (KeyboardInterrupt) ends the walk with what is known so far.

    Raises:
        UsageError: a path does not exist or is no folder, or an option is of another type or out of range.
        NotLoadedError: the loader did not inject the shim, or it is another version.
        IncompleteError: there is no /proc.

    Example:
        >>> options = nlinkshim.Options(max_entries=10_000, timeout=5.0)
        >>> [result] = nlinkshim.verify("/mnt/dfs", options=options)
        >>> result.verdict is nlinkshim.Verdict.NEEDED
        True
        >>> result.lies == result.corrected > 0
        True
    """
    waiting = _given(paths)
    options = Options() if options is None else options
    if not isinstance(options, Options):
        raise UsageError(f"options: {arguments.shown(options)} is none; give nlinkshim.Options")
    options.check()
    if progress is not None and not callable(progress):
        raise UsageError(f"progress: {arguments.shown(progress)} cannot be called")
    options = options._replace(exclude=options.patterns)
    if not Path("/proc/self/mountinfo").exists():
        raise IncompleteError(
            "there is no /proc, where the kernel lists the mounts: `mount -t proc proc /proc`"
        )
    shim = shim_path() if options.shim is None else arguments.path("--shim", options.shim)
    check_machine(shim)
    results = []
    while waiting:
        path = waiting.pop(0)
        result, interrupted = _verify_one(path, options, shim, progress)
        results.append(result)
        if interrupted:
            break
        if not options.one_file_system:
            waiting[:0] = result.mounts_below_paths
    return results


def _given(paths: Any) -> list[str]:
    """The paths; one alone is never taken for its letters."""
    many = [paths] if isinstance(paths, str | bytes | os.PathLike) else paths
    if not isinstance(many, Iterable):
        raise UsageError(f"paths: {arguments.shown(paths)} is none; give one or more")
    given = [arguments.path_text("paths", path) for path in many]
    if not given:
        raise UsageError("paths: none is given")
    for path in given:
        arguments.absolute("paths", path)  # that it can be made so
    return given


def _verify_one(
    path: str, options: Options, shim: Path, progress: Progress | None
) -> tuple[MountResult, bool]:
    begin = time.monotonic()
    environment = preload_environment(scope=options.scope, shim=shim)
    walk = walk_under_shim(path, options, environment, shim, progress)
    if walk.root_error in NO_FOLDER:
        raise UsageError(f"{path}: {NO_FOLDER[walk.root_error]}")
    facts = _facts(path, walk, options)
    if walk.root_is_file and not (facts.mount and facts.mount.path == walk.root_real_path):
        raise UsageError(f"{path}: {NO_FOLDER[errno.ENOTDIR]}")
    seconds = round(time.monotonic() - begin, 3)
    return result_of(walk, facts, judge(walk, facts), seconds), walk.interrupted


def _facts(path: str, walk: Walk, options: Options) -> Facts:
    """The mount is the one that the walk stood on, which another at the same path never stands for. By the
    path's text only where the kernel did not tell, and no link led elsewhere."""
    mounts = read_mounts()
    mount = None
    if walk.root_mount_id:
        mount = mount_with_id(mounts, walk.root_mount_id)
    elif walk.root_path_is_literal:
        mount = mount_of(os.path.abspath(path), mounts)
    return Facts(
        path, mount, mounts, os.geteuid(), options.timeout, options.plain, excluding=bool(options.exclude)
    )

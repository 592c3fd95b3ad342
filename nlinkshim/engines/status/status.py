"""status itself: which processes, and what the child that looks at them says."""

from __future__ import annotations

import os
from dataclasses import asdict

from nlinkshim import arguments
from nlinkshim._version import __version__
from nlinkshim.child import Child, DiedError, HungError
from nlinkshim.engines.status.inspect import Installed, given_up, installed_shim
from nlinkshim.engines.status.result import ENDED, Process, Survey
from nlinkshim.errors import NotLoadedError, UsageError
from nlinkshim.shim.preload import shim_path

TIMEOUT_SECONDS = 2.0  # for one process
LARGEST_PID = 2**31 - 1  # pid_t


def status(*, pid: int | None = None, name: str | None = None, timeout: float = TIMEOUT_SECONDS) -> Survey:
    """Look at one process, at those of a name, or (without either) at those that have the shim mapped.

    `name` is that of the command, the executable or argv[0]. A process that cannot be read within `timeout`
    seconds is given up, with that as its problem.

    Raises:
        UsageError: an argument is of another type or out of range, or both `pid` and `name` are given.

    Example:
        >>> survey = nlinkshim.status(pid=os.getpid())
        >>> [process.mapped for process in survey.processes]
        [False]
        >>> survey.exit_code is nlinkshim.ExitCode.WRONG  # it runs without the shim
        True
    """
    arguments.seconds("timeout", timeout)
    if pid is not None:
        arguments.number("pid", pid, 1, LARGEST_PID)
    if name is not None:
        arguments.text("name", name)
        if pid is not None:
            raise UsageError("status takes a pid or a name, not both")
    pids = [pid] if pid is not None else _pids()
    argument = {"name": name, "installed": asdict(_installed())}
    found: list[Process] = []
    done = 0
    while done < len(pids):
        try:
            for result in Child(
                "nlinkshim.engines.status.inspect:survey", {**argument, "pids": pids[done:]}, timeout
            ):
                done += 1
                if result is not None:
                    found.append(Process(**result))
        except (HungError, DiedError) as error:
            if done == len(pids):
                break  # it only did not say goodbye
            found += given_up(pids[done], name, f"it could not be looked at: {error}")
            done += 1
    if pid is None and name is None:
        seen = tuple(process for process in found if process.mapped)
        return Survey(seen, sum(process.mapped is None and process.problem != ENDED for process in found))
    return Survey(tuple(found))


def _pids() -> list[int]:
    """Every process but this one."""
    with os.scandir("/proc") as entries:
        pids = {int(entry.name) for entry in entries if entry.name.isdecimal()}
    return sorted(pids - {os.getpid()})


def _installed() -> Installed:
    try:
        return installed_shim(shim_path(), __version__)
    except NotLoadedError:
        return Installed(__version__)

"""The result of status: the processes, and what they mean together."""

from __future__ import annotations

from dataclasses import dataclass

from nlinkshim.errors import ExitCode

ENDED = "it ended while it was looked at"


@dataclass(frozen=True)
class Process:
    """What there is to say of one process.

    `mapped` is None where that could not be seen; `problem` then says why. `effective`: the shim is loaded,
    in front of libc, and switched on. `shim_path` is as the process sees it. Counters are None where they
    cannot be read. Processes of one `family` share theirs: a process that loaded the shim and all that it
    forked, with those that have ended. None: the counters are its own.
    """

    pid: int
    ppid: int
    name: str
    mapped: bool | None
    effective: bool = False
    shim_version: str | None = None
    shim_path: str | None = None
    scope: str | None = None
    corrected: int | None = None
    left_alone: int | None = None
    family: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Survey:
    """The processes that match, in the order of their numbers; `unseen` counts those which might, but could
    not be looked at."""

    processes: tuple[Process, ...]
    unseen: int = 0

    @property
    def corrected(self) -> int:
        """Link counts, of all these processes and what they share counters with; each family counts once."""
        alone = [process.corrected or 0 for process in self.processes if process.family is None]
        families = {p.family: p.corrected or 0 for p in self.processes if p.family is not None}
        return sum(alone) + sum(families.values())

    @property
    def exit_code(self) -> ExitCode:
        """WRONG: one runs without an effective shim, or there is none. INCOMPLETE: one could not be looked
        at."""
        live = [process for process in self.processes if process.problem != ENDED]
        if not live or any(process.mapped is not None and not process.effective for process in live):
            return ExitCode.WRONG
        if any(process.mapped is None for process in live):
            return ExitCode.INCOMPLETE
        return ExitCode.WELL

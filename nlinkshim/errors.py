"""The one family of errors, each with the exit code that a command ends with."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code says; the same for all of them."""

    WELL = 0
    WRONG = 1
    USAGE = 2
    INCOMPLETE = 3
    NOT_LOADED = 4


class NlinkshimError(Exception):
    """An error to be shown as one line: what is wrong and what to do."""

    exit_code = ExitCode.INCOMPLETE


class RefusedError(NlinkshimError):
    """A check found that it could not work, so it was not done."""

    exit_code = ExitCode.WRONG


class UsageError(NlinkshimError, ValueError):
    """The input is wrong: a path that is none, an unknown value, one of another type or out of range."""

    exit_code = ExitCode.USAGE


class IncompleteError(NlinkshimError):
    """It could not be done: permission, I/O error, a mount that is hung or dead."""

    exit_code = ExitCode.INCOMPLETE


class NotLoadedError(NlinkshimError):
    """The shim could not be loaded, or is not the expected version."""

    exit_code = ExitCode.NOT_LOADED

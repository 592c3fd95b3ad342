"""What a verdict is, of whatever a command judges."""

from __future__ import annotations

from enum import Enum

from nlinkshim.errors import ExitCode


class VerdictRow(str, Enum):
    """The base of a table of verdicts: a member is its word, and has an exit code, a colour and a meaning."""

    exit_code: ExitCode
    colour: str
    meaning: str

    def __new__(cls, word: str, exit_code: ExitCode, colour: str, meaning: str) -> VerdictRow:
        verdict = str.__new__(cls, word)
        verdict._value_ = word
        verdict.exit_code, verdict.colour, verdict.meaning = exit_code, colour, meaning
        return verdict

"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from nlinkshim.mounts.remedy import Remedy
from nlinkshim.output.text import GREEN, RED, YELLOW

if TYPE_CHECKING:
    from nlinkshim.engines.doctor.context import Context


class Level(str, Enum):
    """How a check ended: a row of word and colour each."""

    colour: str

    def __new__(cls, word: str, colour: str) -> Level:
        level = str.__new__(cls, word)
        level._value_ = word
        level.colour = colour
        return level

    PASS = "PASS", GREEN
    WARN = "WARN", YELLOW
    FAIL = "FAIL", RED


@dataclass(frozen=True)
class Finding:
    """One finding. `subject` is what was looked at; `remedy` what to do, in words, or None; `command` the
    line for `sh` that does it or begins it, or None."""

    id: str
    level: Level
    subject: str
    message: str
    remedy: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class Answer:
    """A finding without the id, which its check has."""

    level: Level
    subject: str
    message: str
    remedy: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class Check:
    """One row of the table. `run` yields nothing where there is nothing to say."""

    id: str
    run: Callable[[Context], Iterator[Answer]]


def passed(subject: str, message: str) -> Answer:
    return Answer(Level.PASS, subject, message)


def warned(subject: str, message: str, remedy: Remedy | str | None) -> Answer:
    return Answer(Level.WARN, subject, message, *_parts(remedy))


def failed(subject: str, message: str, remedy: Remedy | str | None) -> Answer:
    return Answer(Level.FAIL, subject, message, *_parts(remedy))


def _parts(remedy: Remedy | str | None) -> tuple[str | None, str | None]:
    """Words and command."""
    return (remedy.text, remedy.command) if isinstance(remedy, Remedy) else (remedy, None)

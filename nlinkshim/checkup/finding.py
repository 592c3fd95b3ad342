"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nlinkshim.checkup.context import Context


class Level(str, Enum):
    PASS = "PASS"  # noqa: S105  not a password
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One finding. `subject` is what was looked at; `remedy` the command that mends it, or None."""

    id: str
    level: Level
    subject: str
    message: str
    remedy: str | None = None


@dataclass(frozen=True)
class Answer:
    """A finding without the id, which its check has."""

    level: Level
    subject: str
    message: str
    remedy: str | None = None


@dataclass(frozen=True)
class Check:
    """One row of the table. `run` yields nothing where there is nothing to say."""

    id: str
    about: str
    run: Callable[[Context], Iterator[Answer]]


def passed(subject: str, message: str) -> Answer:
    return Answer(Level.PASS, subject, message)


def warned(subject: str, message: str, remedy: str | None) -> Answer:
    return Answer(Level.WARN, subject, message, remedy)


def failed(subject: str, message: str, remedy: str | None) -> Answer:
    return Answer(Level.FAIL, subject, message, remedy)

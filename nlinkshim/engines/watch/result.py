"""What watch tells: events, and what was counted of each path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HANG, ABSENT = "hang", "absent"  # kinds that are seen from outside the child


@dataclass(frozen=True)
class Event:
    """Something that happened to a path. Times are seconds since 1970.

    `event`: `down` (an outage begins), `kind` (it goes on as another kind), `over` (it has lasted longer
    than is allowed), `up` (it is over), `end` (the watch is, and the outage is not).
    """

    event: str
    path: str
    what: str  # mount; folder or file: one that is kept open
    at: float
    kind: str  # of the outage, now or last: name of an errno, hang, empty, sentinel or absent
    call: str  # that saw it: statfs, list or read
    seconds: float = 0.0  # from the start of the first call that failed
    kinds: Mapping[str, float] = field(default_factory=dict)  # the same by kind, in the order of their coming
    lost: bool = False  # what was kept open never answered again, and was opened anew
    cause: str | None = None  # of `down` and `kind`, where it is known
    remedy: str | None = None  # in words
    command: str | None = None  # the line for `sh` that does what the remedy says, or begins it


@dataclass
class Tally:
    """Outages of one kind: how many began as it, and their seconds, those of one which lasts included."""

    began: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Summary:
    """What was counted of a path since the watch began. Times in seconds."""

    path: str
    what: str
    looks: int
    up: bool
    outages: int  # the one that lasts included
    longest: float
    over: int  # outages longer than allowed
    kinds: Mapping[str, Tally]

"""From looks to outages, of one path. Pure: times come with the looks (seconds of CLOCK_MONOTONIC)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nlinkshim.engines.watch.result import Event, Summary, Tally

if TYPE_CHECKING:
    from nlinkshim.mounts.illness import Illness


Cause = Callable[[str, str, str, float], "Illness | None"]


@dataclass
class Outage:
    """One that lasts. `since` is when the present kind began."""

    begin: float
    kind: str
    call: str
    since: float
    kinds: dict[str, float] = field(default_factory=dict)
    over: bool = False

    def spent(self, at: float) -> dict[str, float]:
        """Seconds by kind until then."""
        so_far = self.kinds.get(self.kind, 0.0)
        return {**self.kinds, self.kind: so_far + max(at - self.since, 0.0)}

    def turn(self, kind: str, call: str, at: float) -> None:
        self.kinds = self.spent(at)
        self.kind, self.call, self.since = kind, call, max(at, self.since)


class Outages:
    """Those of one path. Each method tells what is to be told of it, and takes the time that it is about."""

    def __init__(self, path: str, what: str, rto: float | None, offset: float, cause: Cause) -> None:
        """`rto` is how long an outage may last; `offset` makes CLOCK_MONOTONIC a time since 1970; `cause` is
        asked as an outage begins or changes: see cause_of."""
        self.path, self.what, self.rto, self.offset, self._cause = path, what, rto, offset, cause
        self.now: Outage | None = None
        self.looks = self.count = self.over = 0
        self.longest = 0.0
        self.kinds: dict[str, Tally] = {}

    def good(self, begin: float, *, lost: bool = False) -> Iterator[Event]:
        """A look that began then, and in which all was well."""
        if self.now is None:
            return
        outage, seconds = self.now, max(begin - self.now.begin, 0.0)
        yield from self.passed(begin)
        self.now = None
        self.longest = max(self.longest, seconds)
        for kind, spent in outage.spent(begin).items():
            self.kinds.setdefault(kind, Tally()).seconds += spent
        yield self._event("up", outage, begin, lost=lost)

    def bad(self, begin: float, now: float, kind: str, call: str) -> Iterator[Event]:
        """A call that began then, and failed or did not return."""
        if self.now is None:
            self.now = Outage(begin, kind, call, begin)
            self.count += 1
            self.kinds.setdefault(kind, Tally()).began += 1
            yield self._explained("down", self.now, begin, now)
        elif self.now.kind != kind:
            self.now.turn(kind, call, begin)
            yield self._explained("kind", self.now, begin, now)

    def passed(self, at: float) -> Iterator[Event]:
        """Time goes by."""
        outage = self.now
        if outage and self.rto is not None and at - outage.begin > self.rto and not outage.over:
            outage.over = True
            self.over += 1
            yield self._event("over", outage, at)

    def end(self, at: float) -> Iterator[Event]:
        """The watch ends."""
        yield from self.passed(at)
        if self.now:
            yield self._event("end", self.now, at)

    def deadline(self) -> float | None:
        """When an outage that lasts will have been too long."""
        if self.now is None or self.rto is None or self.now.over:
            return None
        return self.now.begin + self.rto

    def summary(self, at: float) -> Summary:
        kinds = {kind: Tally(tally.began, tally.seconds) for kind, tally in list(self.kinds.items())}
        longest, outage = self.longest, self.now
        if outage:
            longest = max(longest, at - outage.begin)
            for kind, seconds in outage.spent(at).items():
                kinds.setdefault(kind, Tally()).seconds += seconds
        return Summary(
            self.path, self.what, self.looks, outage is None, self.count, longest, self.over, kinds
        )

    def _explained(self, event: str, outage: Outage, at: float, now: float) -> Event:
        found = self._cause(outage.kind, outage.call, self.path, now - at)
        told = self._event(event, outage, at)
        if found is None:
            return told
        return replace(told, cause=found.cause, remedy=found.remedy.text, command=found.remedy.command)

    def _event(self, event: str, outage: Outage, at: float, *, lost: bool = False) -> Event:
        return Event(
            event,
            self.path,
            self.what,
            at + self.offset,
            outage.kind,
            outage.call,
            max(at - outage.begin, 0.0),
            outage.spent(at),
            lost,
        )

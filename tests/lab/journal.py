"""One account of all that happened, in the order of time, from sources that each write in their own way."""

from __future__ import annotations

import re
import time
from calendar import timegm

# "2025-01-31T23:59:59Z mounter: ..."
MOUNTER_LINE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (mounter: .*)$")


class Journal:
    """Entries of seconds since 1970, who, and what, from the begin of the journal on."""

    def __init__(self, begin: float | None = None) -> None:
        self.begin = time.time() if begin is None else begin
        self._entries: list[tuple[float, str, str]] = []

    def copy(self) -> Journal:
        other = Journal(self.begin)
        other._entries = list(self._entries)
        return other

    def add(self, moment: float, who: str, what: str) -> None:
        """An entry from before the begin is left out."""
        if moment >= self.begin:
            self._entries.append((moment, who, what))

    def note(self, what: str) -> float:
        """An event of now, whose time it returns."""
        moment = time.time()
        self.add(moment, "lab", what)
        return moment

    def add_mounter(self, who: str, log: str) -> None:
        for line in log.splitlines():
            if found := MOUNTER_LINE.match(line):
                self.add(timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%SZ")), who, found[2])

    def __str__(self) -> str:
        entries = sorted(self._entries, key=lambda entry: entry[0])
        return "\n".join(f"{moment - self.begin:8.2f} {who:11} {what}" for moment, who, what in entries)

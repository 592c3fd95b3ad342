"""watch itself: looks at each path in turn, and tells of outages as they begin and end."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Iterator, Sequence

from nlinkshim import arguments
from nlinkshim.engines.watch.cause import cause_of
from nlinkshim.engines.watch.outages import Outages
from nlinkshim.engines.watch.result import Event, Summary
from nlinkshim.engines.watch.subject import Subject
from nlinkshim.errors import UsageError

INTERVAL, HANG_SECONDS = 1.0, 2.0
LONGEST_WAIT = 5.0  # s; so often `each` is called at least


class Watch:
    """A watch of some paths. Iterate over it for its events; it goes on until `duration` is over, or until it
    is closed."""

    def __init__(
        self,
        paths: Sequence[tuple[str, str]],
        sentinel: str | None,
        interval: float,
        hang: float,
        rto: float | None,
        duration: float | None,
        each: Callable[[], None] | None,
    ) -> None:
        offset = time.time() - time.monotonic()
        self._subjects = [
            Subject(Outages(path, what, rto, offset, cause_of), sentinel, hang, interval)
            for what, path in paths
        ]
        self._end = float("inf") if duration is None else time.monotonic() + duration
        self._each = each

    @property
    def summaries(self) -> list[Summary]:
        """What was counted so far, a row for each path. Any thread may ask."""
        now = time.monotonic()
        return [subject.outages.summary(now) for subject in self._subjects]

    def __iter__(self) -> Iterator[Event]:
        """Raises:
        IncompleteError: no child process can be started.
        """
        try:
            yield from self._events()
        finally:
            for subject in self._subjects:
                subject.end()

    def _events(self) -> Iterator[Event]:
        with selectors.DefaultSelector() as waiting:
            while (now := time.monotonic()) < self._end:
                for subject in self._subjects:
                    if now >= subject.next_time():
                        yield from subject.turn(now)
                self._listen(waiting)
                until = min(
                    [self._end, now + LONGEST_WAIT, *(subject.next_time() for subject in self._subjects)]
                )
                for key, _ in waiting.select(max(until - time.monotonic(), 0)):
                    yield from key.data.heard(key.data.worker)
                if self._each is not None:
                    self._each()
        for subject in self._subjects:
            yield from subject.outages.end(time.monotonic())

    def _listen(self, waiting: selectors.BaseSelector) -> None:
        """Children come and go, and the next one's pipe may have the number of the last one's."""
        for key in list(waiting.get_map().values()):
            if key.data.worker is not key.fileobj:
                waiting.unregister(key.fileobj)
        listened = [key.data for key in waiting.get_map().values()]
        for subject in self._subjects:
            if subject.worker is not None and subject not in listened:
                waiting.register(subject.worker, selectors.EVENT_READ, subject)


def watch(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    *,
    sentinel: str | None = None,
    folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    interval: float = INTERVAL,
    hang: float = HANG_SECONDS,
    rto: float | None = None,
    duration: float | None = None,
    each: Callable[[], None] | None = None,
) -> Watch:
    """Watch mounts (`paths`), and `folders` and `files` that are kept open. Times are in seconds.

    `sentinel` is the name of an entry that each of `paths` must have. A call that takes longer than `hang`
    counts as hung; an outage longer than `rto` as too long. `each` is called whenever one of them was
    looked at.

    Raises:
        UsageError: an argument is of another type or out of range, or there is nothing to watch.

    Example:
        >>> for event in nlinkshim.watch("/mnt/dfs", rto=120.0, duration=0.5):
        ...     print(event.event, event.kind, event.seconds)
    """
    subjects = [
        *(("mount", path) for path in arguments.paths("paths", paths)),
        *(("folder", path) for path in arguments.paths("folders", folders)),
        *(("file", path) for path in arguments.paths("files", files)),
    ]
    if not subjects:
        raise UsageError("give at least one path to watch")
    if each is not None and not callable(each):
        raise UsageError(f"each: {arguments.shown(each)} is no function")
    if sentinel is not None and (not arguments.text("sentinel", sentinel) or "\0" in sentinel):
        raise UsageError("sentinel: give the name of an entry of the mount")
    arguments.seconds("interval", interval)
    arguments.seconds("hang", hang)
    if rto is not None:
        arguments.seconds("rto", rto)
    if duration is not None:
        arguments.seconds("duration", duration)
    return Watch(subjects, sentinel, interval, hang, rto, duration, each)

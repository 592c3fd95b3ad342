"""One path that is watched: when to look, and what the child's answers, or its silence, mean."""

from __future__ import annotations

import time
from collections.abc import Iterator

from nlinkshim.engines.watch.cause import mount_by_name
from nlinkshim.engines.watch.looks import EMPTY
from nlinkshim.engines.watch.outages import Outages
from nlinkshim.engines.watch.result import ABSENT, HANG, Event
from nlinkshim.engines.watch.worker import DiedError, Worker
from nlinkshim.errors import IncompleteError

START_SECONDS = 10.0  # for a child to be ready, on a busy machine
FIRST = {"mount": "statfs", "folder": "list", "file": "read"}
NEXT = {"statfs": "list", "list": "read"}  # the calls of a look, in their order
DEATHS = 5  # of a child, one after the other, before nobody believes in the next


class Subject:
    """One path that is looked at, with the child that does it."""

    def __init__(self, outages: Outages, sentinel: str | None, hang: float, interval: float) -> None:
        self.outages, self.sentinel, self.hang, self.interval = outages, sentinel, hang, interval
        self.worker: Worker | None = None
        self.stuck: list[Worker] = []  # killed, and not gone yet
        self.stuck_on: int | None = None  # the mount that the last of them is stuck on
        self.due = time.monotonic()
        self.asked: float | None = None  # a look is on its way since
        self.began: float | None = None  # it began; so far its child only starts
        self.called = 0.0  # the call began in which it is
        self._call = ""  # the one that is under way
        self.hung = self.failed = False  # in this look
        self.remote = False  # a mount from elsewhere has been seen there
        self.deaths = 0

    def next_time(self) -> float:
        """When there is something to do for it, if it says nothing before."""
        if self.asked is None:
            times = [self.due]
        elif self.hung:
            times = [self.due] if self.outages.what == "mount" else []
        else:
            times = [self.called + (self.hang if self.began is not None else START_SECONDS)]
        deadline = self.outages.deadline()
        return min([*times, *([] if deadline is None else [deadline])], default=float("inf"))

    def turn(self, now: float) -> Iterator[Event]:
        """Do what is due."""
        yield from self.outages.passed(now)
        if self.asked is None:
            if now >= self.due:
                self._ask(now)
        elif self.hung:
            if now >= self.due and self.outages.what == "mount":
                self._give_up(now)
        elif self.began is not None and now >= self.called + self.hang:
            self.hung = True
            self.due = now + self.hang
            yield from self.outages.bad(self.called, now, HANG, self._call)
        elif self.began is None and now >= self.called + START_SECONDS:
            raise IncompleteError("no child process could be started to look at the mount")

    def _ask(self, now: float) -> None:
        if self.worker is None:
            if not self._may_start():
                self.due = now + self.interval
                return
            self.worker = Worker(self.outages.what, self.outages.path, self.sentinel)
        self.asked = self.called = now
        self.began, self.hung, self.failed = None, False, False
        self._call = FIRST[self.outages.what]
        self.worker.look()

    def _may_start(self) -> bool:
        """One child at most is stuck on a mount: another starts when it is gone, or a new mount has come."""
        self.stuck = [worker for worker in self.stuck if not worker.gone]
        return not self.stuck or (len(self.stuck) == 1 and self._mount() != self.stuck_on)

    def _mount(self) -> int | None:
        mount, _ = mount_by_name(self.outages.path)
        return None if mount is None else mount.id

    def _give_up(self, now: float) -> None:
        """A fresh call may be answered where the stuck one is not."""
        if self.worker is not None:
            self.worker.kill()
            self.stuck.append(self.worker)
            self.stuck_on = self._mount()
        self.worker = self.asked = None
        self.due = now

    def heard(self, worker: Worker) -> Iterator[Event]:
        """Take what the child has told."""
        try:
            told = worker.told()
        except DiedError as error:
            worker.kill()
            self.worker = self.asked = None
            self.deaths += 1
            if self.deaths >= DEATHS:
                raise IncompleteError(
                    f"the child process that looks at the mount ends at once ({error})"
                ) from None
            return
        for word, *rest in told:
            if word == "begin":
                self.began = self.called = rest[0]
            elif word == "done":
                yield from self._done()
            else:
                yield from self._ended(word, *rest)

    def _ended(
        self, call: str, at: float, kind: str | None, plain: bool | None, lost: bool
    ) -> Iterator[Event]:
        """A call ended then; it began when the one before ended."""
        self.remote = self.remote or plain is False
        if plain and self.remote and kind in (None, EMPTY):
            kind = ABSENT
        if kind is not None:
            self.failed = not lost
            yield from self.outages.bad(at if self.hung else self.called, at, kind, call)
        if lost:
            yield from self.outages.good(self.called, lost=True)
        self.called, self._call = at, NEXT.get(call, call)

    def _done(self) -> Iterator[Event]:
        begin, now = self.began or self.called, time.monotonic()
        self.deaths = 0
        self.outages.looks += 1
        if not self.failed and not self.hung:
            yield from self.outages.good(begin)
        # A stuck call that came back at last: what it is worth a fresh look tells.
        self.due = now if self.hung else max(self.due + self.interval, now)
        self.asked = None

    def end(self) -> None:
        for worker in (*self.stuck, *([self.worker] if self.worker else [])):
            worker.kill()

"""From looks to outages: what is told, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nlinkshim.engines.watch.outages import Outages
from nlinkshim.engines.watch.report import as_text
from nlinkshim.engines.watch.result import Event

pytestmark = pytest.mark.quick


def outages(rto: float | None = None) -> Outages:
    return Outages("/mnt/dfs", "mount", rto, 1_000_000.0, lambda *_: None)


def told(events: Iterator[Event]) -> list[tuple[str, float, str, float]]:
    return [(event.event, event.at - 1_000_000, event.kind, event.seconds) for event in events]


def test_an_outage_of_two_kinds() -> None:
    seen = outages()
    assert told(seen.good(1)) == []
    assert told(seen.bad(2, 2, "ENOTCONN", "list")) == [("down", 2, "ENOTCONN", 0)]
    assert told(seen.bad(3, 3, "ENOTCONN", "statfs")) == []
    assert told(seen.bad(4, 4, "EACCES", "list")) == [("kind", 4, "EACCES", 2)]
    (up,) = seen.good(9)
    assert (up.event, up.seconds, up.kinds) == ("up", 7, {"ENOTCONN": 2, "EACCES": 5})
    counted = seen.summary(20)
    assert (counted.up, counted.outages, counted.longest, counted.over) == (True, 1, 7, 0)
    assert {kind: (t.began, t.seconds) for kind, t in counted.kinds.items()} == {
        "ENOTCONN": (1, 2),
        "EACCES": (0, 5),
    }


def test_kinds_that_come_and_go_take_no_room() -> None:
    seen = outages()
    for second in range(1000):
        list(seen.bad(second, second, ("EIO", "EAGAIN")[second % 2], "list"))
    (up,) = seen.good(1000)
    assert up.kinds == {"EIO": 500, "EAGAIN": 500}


def test_too_long_is_told_once_and_while_it_lasts() -> None:
    seen = outages(rto=10)
    list(seen.bad(5, 5, "EIO", "list"))
    assert seen.deadline() == 15
    assert told(seen.passed(15)) == []
    assert told(seen.passed(15.5)) == [("over", 15.5, "EIO", 10.5)]
    assert seen.deadline() is None
    assert told(seen.passed(30)) == []
    (up,) = seen.good(31)
    assert "longer than the 10 s allowed" in as_text(up, 10)
    assert seen.summary(40).over == 1


def test_one_that_lasts_is_counted() -> None:
    seen = outages(rto=3)
    list(seen.bad(10, 12, "hang", "list"))
    counted = seen.summary(15)
    assert (counted.up, counted.longest, counted.kinds["hang"].seconds) == (False, 5, 5)
    assert told(seen.end(16)) == [("over", 16, "hang", 6), ("end", 16, "hang", 6)]


def test_it_ends_before_anybody_noticed_that_it_was_too_long() -> None:
    seen = outages(rto=3)
    list(seen.bad(10, 10, "EIO", "list"))
    assert [event.event for event in seen.good(14)] == ["over", "up"]

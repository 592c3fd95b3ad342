"""What a witness' lines amount to."""

from __future__ import annotations

import json

import pytest

from lab.outages import LOOKS, Look, good_since, outages, parse, table

pytestmark = pytest.mark.quick


def calls(*seen: str, look: str = "open", consumer: str = "one") -> list[Look]:
    """A call a second from 100 on, of 0.1 s each; "hang" took 1.5 s and succeeded."""
    looks = []
    for begin, one in enumerate(seen, 100):
        took, answer = (1.5, "ok") if one == "hang" else (0.1, one)
        looks.append(Look(consumer, look, begin, begin + took, answer))
    return looks


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (["ok", "ok"], []),
        (["ok", "EIO", "ok"], ["open: EIO 1.1 s"]),
        (
            ["ok", "EIO", "EACCES", "EIO", "ok", "ok", "empty", "ok"],
            ["open: EIO, EACCES 3.1 s", "open: empty 1.1 s"],
        ),
        (["ok", "wrong"], ["open: wrong not over after 0.1 s"]),
        (["ok", "hang", "ok"], ["open: hang 1.1 s"]),
        (["ok", "hang"], ["open: hang 1.5 s"]),
    ],
)
def test_from_the_first_bad_call_to_the_first_good_one(seen: list[str], expected: list[str]):
    looks = calls(*seen)
    assert [str(outage) for outage in outages(looks, looks[-1].end)] == expected


def test_a_look_that_says_no_more_hangs():
    """Its call has not ended, so there is no line of it."""
    looks = calls("ok", "ok")
    assert outages(looks, 102.5) == []
    (outage,) = outages(looks, 110.0)
    assert (outage.kinds, outage.over) == (("hang",), False)
    assert outage.seconds == pytest.approx(110.0 - 102.1)


def test_each_look_of_each_consumer_is_its_own():
    looks = [
        *calls("EIO", "ok"),
        *calls("ok", "ok", look="list"),
        *calls("ok", "EIO", "ok", look="list", consumer="two"),
    ]
    found = outages(looks, 102.5)
    assert [(one.consumer, one.look) for one in found] == [("one", "open"), ("two", "list")]
    assert "list          1.1      1.1  EIO" in table(found)


def test_good_since():
    """Each look, two good calls running, and begun after the moment."""
    good = [look for name in LOOKS for look in calls("EIO", "ok", "ok", look=name)]
    assert good_since(good, 100.5, ["one"])
    assert not good_since(good, 101.5, ["one"]), "one good call alone"
    assert not good_since(good, 100.5, ["one", "two"]), "nothing of the other consumer"
    assert not good_since([look for look in good if look.look != "held"], 100.5, ["one"])
    assert not good_since([*good, Look("one", "held", 103.0, 103.1, "EIO")], 100.5, ["one"])


def test_a_line_half_written():
    line = json.dumps({"look": "open", "begin": 1.0, "end": 2.0, "seen": "ok"})
    assert parse("one", f"{line}\n{line[:20]}") == [Look("one", "open", 1.0, 2.0, "ok")]

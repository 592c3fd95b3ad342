"""Names that do not cross SMB: the rules in Python and in the entrypoint's grep, and what doctor tells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from harness.capability import require
from harness.names import FOREIGN, NAMES
from harness.namespace import mount_hung, privately

from nlinkshim import smb_names
from nlinkshim.engines.doctor import names
from nlinkshim.engines.doctor.context import Context

STANDING = [f"at {chr(code)}" for code in range(0xF000, 0xF02B)]
OTHERS = ["at \uffff", "a//b:", "a:b//c", "a //c", "a//b c"]


@pytest.mark.parametrize("key", [*names.RULES, "link"])
def test_one_rule_for_both(key: str, tmp_path: Path):
    """As grep takes it in the entrypoint, where \\001 stands for the end of a line."""
    rule = {**names.RULES, "link": smb_names.CLOSED_LINK}[key]
    judged = [os.fsencode(name).replace(b"\n", b"\1") for name in (*NAMES, *FOREIGN, *STANDING, *OTHERS)]
    (tmp_path / "names").write_bytes(b"\n".join(judged) + b"\n")
    script = 'grep -a"$1"E "$(printf "$2")" "$3" || [ $? = 1 ]'
    how = "vx" if rule.inverted else ""
    done = subprocess.run(
        ["sh", "-c", script, "sh", how, rule.pattern, tmp_path / "names"],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    held = [name for name in judged if rule.holds(name)]
    assert done.stdout.split(b"\n")[:-1] == held and held


def files(*given: str) -> list[str]:
    return [f"{name}=4" for name in given]


def test_plain_and_reserved_names(doctor, mount_gofuse):
    with mount_gofuse("plain") as mount:
        _, found = doctor(mount.path)
        assert found["names"]["level"] == "PASS" and "all cross SMB" in found["names"]["message"]
    with mount_gofuse("reserved", file=files("a:b", "E.T.")) as mount:
        _, found = doctor(mount.path)
        assert found["names"]["level"] == "PASS"
        assert "2 open through the module catia" in found["names"]["message"]
        assert "a:b" in found["names"]["message"]


def test_names_that_do_not_cross(doctor, mount_gofuse):
    with mount_gofuse("dfs", file=files(*FOREIGN, "a:b", "movies/what?")) as mount:
        _, found = doctor(mount.path)
        assert found["names"]["level"] == "WARN"
        said = found["names"]["message"]
        assert f"{len(FOREIGN)} are not UTF-8 and are not listed, such as " in said
        assert "2 hold a reserved character" in said and "they are listed, but do not open" in said
        assert "catia" in said
        shown = subprocess.run(
            ["sh", "-c", found["names"]["command"]], capture_output=True, check=True
        ).stdout
        assert shown.count(b"\n") == len(FOREIGN)


def test_names_that_clients_see_otherwise(mount_gofuse):
    odd = files("back\\slash", "at \uf022")
    with mount_gofuse("dfs", file=odd, link=["c:d=readme.txt", "to=a?b"]) as mount:
        (answer,) = names.names(Context(str(mount.path), 5))
        assert answer.level.value == "WARN"
        assert "1 hold a backslash" in answer.message and "1 hold one of U+F001" in answer.message
        assert "2 of " in answer.message and "to -> a?b" in answer.message


def test_a_name_that_catia_does_not_bear(mount_gofuse):
    with mount_gofuse("dfs", file=files("at \uffff", "a:b")) as mount:
        (answer,) = names.names(Context(str(mount.path), 5))
        assert answer.level.value == "WARN"
        assert "1 hold U+FFFF" in answer.message and "1 hold a reserved character" in answer.message


def test_a_daemon_that_stops_meanwhile(mount_gofuse):
    """What was seen until then is told."""
    with mount_gofuse("dfs", file=files(*FOREIGN), latency="1h", plus=False) as mount:
        sample = names.take(str(mount.path), 1)
        assert sample.ended == "no answer for 1 s" and sample.stuck
        assert sample.counts["foreign"] == len(FOREIGN)


def test_a_daemon_that_never_answers(folder: Path):
    require("fuse")

    def task() -> None:
        (folder / "dfs").mkdir()
        mount_hung(folder / "dfs")
        sample = names.take(str(folder / "dfs"), 1)
        assert (sample.names, sample.stuck) == (0, True)
        assert list(names.names(Context(str(folder / "dfs"), 1))) == []

    privately(task)


def test_the_limits_of_the_sample(tmp_path: Path):
    for number in range(20):
        (tmp_path / f"{number}:").mkdir()
        (tmp_path / f"{number}:" / "x" / "y" / "z" / "too deep?").mkdir(parents=True)
    whole = {"path": str(tmp_path), "most": 1000, "seconds": 60}
    *_, last = names.judge_below(whole)
    assert (last["names"], last["counts"], last["ended"]) == (80, {"unopened": 20}, None)
    *_, last = names.judge_below({**whole, "most": 10})
    assert (last["names"], last["ended"]) == (10, "the first 10")
    *_, last = names.judge_below({**whole, "seconds": -1})
    assert (last["names"], last["ended"]) == (1, "what was found in -1 s")


def test_a_clients_mount_is_not_judged(lying_mount):
    """Its names crossed already."""
    context = Context(str(lying_mount.path), 5)
    assert context.mount is not None
    context.__dict__["mount"] = context.mount._replace(fstype="cifs")
    assert list(names.names(context)) == []

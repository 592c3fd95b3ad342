"""What a step of the set-up says: its name, and where it fails the cause and its log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import processes

pytestmark = pytest.mark.quick

QUIETLY = Path(__file__).parents[2] / "wheels" / "quietly.sh"
LONG = "for line in $(seq 50); do echo line $line; done; "


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (LONG + "exit 3", [f"line {number}" for number in range(46, 51)]),
        (LONG + f"echo '  nlinkshim: no gcc'; {LONG} exit 3", ["nlinkshim: no gcc"]),
        ("exit 3", []),
    ],
)
def test_a_failure_names_its_cause_and_its_log(command: str, shown: list[str], tmp_path: Path) -> None:
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = processes.run(["sh", str(QUIETLY), "a step", "sh", "-c", command], env=env, check=False)
    (log,) = tmp_path.iterdir()
    last = f"set-up: a step failed with exit code 3; all it said: {log}"
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines() == ["set-up: a step", *shown, last]
    assert log.read_text().count("line 50") == command.count(LONG)


def test_a_success_leaves_no_log(tmp_path: Path) -> None:
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = processes.run(["sh", str(QUIETLY), "a step", "echo", "much"], env=env, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "set-up: a step\n")
    assert not list(tmp_path.iterdir())

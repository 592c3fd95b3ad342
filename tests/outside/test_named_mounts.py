"""verify names the mount that it judged, and no other that has the same path."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require

DEAD, HUNG = "errno=107", "slow=8000"


@pytest.fixture
def elsewhere(hostile_program: Path):
    """elsewhere(PATH, "RULE"): a mount on PATH in a mount namespace of its own, by its path from here."""
    require("root")

    @contextlib.contextmanager
    def start(path: Path, *rules: str) -> Iterator[Path]:
        command = ["unshare", "--mount", "--propagation", "private", str(hostile_program)]
        command += ["--folders", "2", "--files", "3", "--keep", "0", *rules, str(path)]
        process = subprocess.Popen(command)
        listed = Path(f"/proc/{process.pid}/mountinfo")
        try:
            processes.wait_until(lambda: f" {path} " in listed.read_text(), 10, f"mounting on {path}")
            yield Path(f"/proc/{process.pid}/root{path}")
        finally:
            process.kill()
            process.wait(10)

    return start


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [(None, "incomplete"), ("nlink=0", "incomplete"), (DEAD, "other-cause"), (HUNG, "incomplete")],
    ids=["honest", "lying", "dead", "hung"],
)
@pytest.mark.parametrize("here", [True, False], ids=["another here", "none here"])
def test_a_mount_of_another_namespace(hostile, look, elsewhere, folder, here: bool, rule, verdict: str):
    """Its path is the one that a mount here has, or a plain folder."""
    place = folder / "place"
    place.mkdir()
    other = hostile(at=place) if here else contextlib.nullcontext()
    with elsewhere(place, *([rule] if rule else [])) as there, other:
        told = look(there, "--timeout", "1", text=False)
    assert (told.code, told.verdict) == (3, verdict)
    assert (told.mount["mount_point"], told.mount["command"]) == (None, None)
    assert "retired" not in told.mount["remedy"]
    assert "bug" not in told.mount["remedy"]


@pytest.mark.parametrize("rule", [f"children,{DEAD}", f"children,{HUNG}"], ids=["dead", "hung"])
def test_behind_a_link_of_a_healthy_mount(hostile, look, mount_gofuse, folder, rule: str):
    """Where opening it fails, or hangs, only the text of the path is left."""
    with (
        hostile(rule, keep=0) as ill,
        mount_gofuse("healthy", nlink="honest", link=[f"out={ill.path}"]) as well,
    ):
        told = look(well / "out/d00000", "--timeout", "1", text=False)
        assert mounts.topmost(well.path) is not None
    assert told.code == 3
    assert told.mount["mount_point"] != str(well.path)
    assert str(well.path) not in (told.mount["command"] or "")


@pytest.mark.parametrize("rule", [f"children,{DEAD}", f"children,{HUNG}"], ids=["dead", "hung"])
def test_a_folder_that_cannot_be_opened(hostile, look, rule: str):
    """Without a link on the way the text tells, and the command is given."""
    with hostile(rule, keep=0) as ill:
        told = look(ill / "d00000", "--timeout", "1", text=False)
    assert (told.code, told.mount["mount_point"]) == (3, str(ill.path))
    assert f"umount -l -c -- {ill.path}" in told.mount["command"]

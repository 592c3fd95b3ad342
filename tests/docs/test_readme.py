"""The first minutes of somebody new: the marked lines of README.md and docs/shell.md, typed as they stand.

Nothing of ours is on the machine, and a mount that lies is at /mnt/dfs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from harness import fresh
from harness.building import ROOT
from harness.capability import require
from harness.mounts import FuseMount

Mount = Callable[..., AbstractContextManager[FuseMount]]

PAGES = (ROOT / "README.md", ROOT / "docs/shell.md")
SUITES = os.environ.get("NLINKSHIM_README_SUITES", "").split()
STAYS = "smbd --foreground"  # what does not come back by itself
# How a shell is asked what a tab would do, and what it says.
COMPLETES = {
    "bash": ("complete -p nlinkshim", "_shtab_nlinkshim nlinkshim"),
    "zsh": ("print nlinkshim by ${_comps[nlinkshim]}", "nlinkshim by _nlinkshim"),
    "fish": ('complete -C "nlinkshim veri"', "verify\t"),
}
OTHER_SHELLS = {"zsh": "zsh -f", "fish": "fish --no-config"}
PIPX = """\
echo '@@ pipx'
deactivate
pipx install nlinkshim >/dev/null
PATH=$PATH:/root/.local/bin
type nlinkshim
nlinkshim verify /mnt/dfs
man -M "$(dirname "$(readlink -f "$(command -v nlinkshim)")")/../share/man" nlinkshim-verify
"""


def session(*pages: Path) -> tuple[str, list[fresh.Typed]]:
    """A bash script that types the lines one after the other, each between two marks, and the lines."""
    parts, lines = ["exec 2>&1", "cd"], []
    for page in pages:
        for shell, block in fresh.typed(page):
            if shell in OTHER_SHELLS:
                text = "\n".join([*(typed.line for typed in block), COMPLETES[shell][0]])
                block = [fresh.Typed(f"{OTHER_SHELLS[shell]} -c {shlex.quote(text)}", "")]  # noqa: PLW2901
            for typed in block:
                parts += [f"echo '@@ {len(lines)}'", *_at_once(typed.line), 'echo "@@ ended $?"']
                lines.append(typed)
    return "\n".join([*parts, "echo '@@ bash'", COMPLETES["bash"][0], ""]), lines


def _at_once(line: str) -> list[str]:
    """The line; behind one that stays, a wait until it is there."""
    if STAYS not in line:
        return [line]
    up = "nlinkshim status --name smbd"
    return [
        f"setsid bash -c {shlex.quote(line)} &",
        f"for i in $(seq 60); do {up} >/dev/null 2>&1 && break; sleep 0.1; done",
        up,
    ]


def like(shown: str) -> str:
    """A pattern for what a page shows: numbers are other ones, and columns of another width."""
    words = [re.sub(r"\\?[\d][\d,.\\]*", r"[\\d,.]+", re.escape(word)) for word in shown.split()]
    return r"\s+".join(words)


@pytest.mark.parametrize("suite", ["here", *SUITES])
@pytest.mark.timeout(600)
def test_the_first_minutes(suite: str, wheel: Path, mount_gofuse: Mount, folder: Path) -> None:
    require("root", "smbd", "smbclient", "man", "zsh", "fish", "overlay")
    here = suite == "here"
    top = Path("/") if here else fresh.root(suite)
    for_pipx = [] if here else ["pip", "setuptools", "wheel"]  # which it installs anew each time
    wheels = fresh.wheels(wheel, folder / "wheels", fresh.python_of(top), *for_pipx)
    text, lines = session(*PAGES)
    with mount_gofuse("dfs", name="dfs") as mount:
        said = fresh.run(top, folder, wheels, mount.path, text if here else text + PIPX, timeout=300)
    parts = re.split(r"^@@ \w+\n", said, flags=re.MULTILINE)[1:]
    assert len(parts) == len(lines) + (1 if here else 2), said
    for typed, part in zip(lines, parts, strict=False):
        shown, _, code = part.rpartition("@@ ended ")
        assert code == "0\n", (typed.line, part)
        assert re.search(like(typed.shown), shown), (typed, shown)
    for shell, (_, answer) in COMPLETES.items():
        assert answer in said, (shell, said)
    assert "NLINKSHIM-VERIFY(1)" in (said if here else parts[-1])
    assert "effective" in said

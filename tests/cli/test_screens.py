"""What commands show on a terminal of 80 columns: lines that fit, and nothing torn that is to be copied."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from harness import processes
from harness.cli import nlinkshim, on_a_terminal
from harness.mounts import FuseMount
from harness.preload import Shim
from rich.cells import cell_len

from nlinkshim import AuditVerdict
from nlinkshim.commands import COMMANDS
from nlinkshim.output.lines import cells, fitted, shortened
from nlinkshim.output.table import as_table

Mount = Callable[..., AbstractContextManager[FuseMount]]

REPORTS = ("verify", "doctor", "audit", "status")
LONG = "a-long-name-" * 8
# Of a mount: with blanks, wide characters and a quote; and one longer than a line.
ODD = ["my media/映画とテレビ it's", f"{LONG}/{LONG}"]

ERASED = re.compile(r"[^\n]*\n[^\n]*\x1b\[1A\x1b\[2K|[^\n]*\x1b\[2K")  # as a progress bar does with its line
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def read(screen: str) -> str:
    return ESCAPES.sub("", ERASED.sub("", screen))


def too_long(text: str, whole: list[str]) -> list[str]:
    """The lines that do not fit though they could have been broken: at a blank that is in none of `whole`."""
    found = []
    for line in text.splitlines():
        rest = line.strip()
        for part in sorted(whole, key=len, reverse=True):
            rest = rest.replace(part, "X")
        if cell_len(line) > 80 and " " in re.sub(r"`[^`]*`|'[^']*'", "X", rest):
            found.append(line)
    return found


def commands_in(document: object) -> list[str]:
    """Every line for `sh` that a report has."""
    if isinstance(document, list):
        return [found for part in document for found in commands_in(part)]
    if not isinstance(document, dict):
        return []
    own = [document["command"]] if isinstance(document.get("command"), str) else []
    return own + [found for part in document.values() for found in commands_in(part)]


def screen(*arguments: object) -> str:
    """What is shown, made sure of: no line too long, no command and none of the paths given torn."""
    text = read(on_a_terminal(*arguments))
    commands = []
    if arguments[0] in REPORTS:
        elsewhere = nlinkshim(*arguments, "--format", "json")
        commands = commands_in(elsewhere.document) if elsewhere.out else []
    paths = [str(argument) for argument in arguments if "/" in str(argument)]
    assert too_long(text, commands + paths) == []
    assert [command for command in commands if command not in text] == []
    assert [path for path in paths if text.count(path) != in_words(text).count(path)] == []
    return text


def in_words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ODD, ids=["odd", "long"])
def test_a_mount_that_lies_and_one_that_is_dead(name: str, mount_gofuse: Mount, folder: Path) -> None:
    (folder / name).parent.mkdir()
    with mount_gofuse(name) as mount:
        verified = screen("verify", mount.path)
        assert verified.startswith("VERDICT")
        assert "\nneeded " in verified
        assert f" {mount.path}: it reports 0 " in in_words(verified)
        checked = screen("doctor", mount.path)
        assert re.search(r"\d+ passed, \d+ to look at.*, \d+ failed", in_words(checked).rpartition(": ")[2])
        mount.kill()
        assert f"\n{mount.path}:" in screen("verify", mount.path)
        dead = screen("doctor", mount.path)
        assert "\nFAIL  mount-alive:" in dead
        assert "1 failed (mount-alive" in in_words(dead)


@pytest.mark.parametrize("name", ODD, ids=["odd", "long"])
def test_where_nothing_is_mounted(name: str, folder: Path) -> None:
    (folder / name).mkdir(parents=True)
    for command in ("verify", "doctor"):
        assert "nothing is mounted" in in_words(screen(command, folder / name))


@pytest.mark.quick
def test_the_verdict_of_audit_comes_last(tmp_path: Path) -> None:
    (program := tmp_path / "a script").write_text("#!/usr/bin/env python3\n")
    program.chmod(0o755)
    assert in_words(screen("audit", program)).endswith(
        f"{program}: reachable: {AuditVerdict.REACHABLE.meaning}"
    )
    assert (
        screen("audit", "--root", "/", "/etc/passwd").splitlines()[-1].startswith("/etc/passwd: unreachable")
    )


@pytest.mark.quick
def test_the_processes(shim: Shim) -> None:
    scope = ":".join(f"/mnt/{LONG}{number}" for number in range(8))
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = processes.start(command, env=shim(scope=scope))
    try:
        processes.wait_until(lambda: nlinkshim("status", "--pid", process.pid).code == 0, 20, "starting")
        heads, row = screen("status", "--pid", process.pid).splitlines()[:2]
    finally:
        processes.stop(process)
    assert heads.split()[:4] == ["PID", "PROCESS", "SHIM", "VERSION"]
    assert row.split()[2] == "effective"
    assert cell_len(row) <= 80


@pytest.mark.quick
@pytest.mark.parametrize("page", ["verify.md", "shell.md", "generate.md"])
def test_a_page_is_laid_out_for_the_terminal(page: str) -> None:
    source = (Path(__file__).parents[2] / "docs" / page).read_text()
    code = [
        line
        for block in re.findall(r"^```\w*\n(.*?)^```", source, re.M | re.S)
        for line in block.splitlines()
    ]
    code += re.findall(r"^    (\S.*)$", source, re.MULTILINE)
    text = read(on_a_terminal("help", page, PAGER="cat"))
    assert too_long(text, code) == []
    assert code
    assert [line for line in code if line not in text] == []
    assert not re.search(r"^#|<!--|^\|", text, re.MULTILINE)  # nothing is left of the markup


WRONG = [
    ["verfy"],
    ["verify", f"/no/such/folder/{LONG}/my media"],
    ["verify", "--timeout", "-1", "/"],
    ["doctor", "--user", "nobody-of-that-name-at-all", "/"],
    ["audit", f"/no/such/program/{LONG}"],
    ["install", f"/no/such/folder/{LONG}/nlinkshim.so"],
    ["install", "--machine", "vax", "/usr/lib"],
    ["env", "--shim", "/usr/local/lib/a name with blanks/nlinkshim.so"],
    ["run"],
    ["run", "--scope", "relative:paths", "--", "true"],
    ["status", "--name", "no-such-name-of-a-process", "--watch", "-1"],
    ["status", "--name", "no-such-name-of-a-process"],
    ["generate"],
    ["generate", "container", "--out", "x", "--mount-path", "/no trailing/../dots are/allowed/in a path"],
    ["generate", "container", "--out", "x", "--shares", "a name with blanks in it that is none"],
    ["help", "no-such-page-or-command"],
    ["path", "too", "many"],
    ["watch", "/", "--rto", "soon"],
]


@pytest.mark.quick
@pytest.mark.parametrize("arguments", WRONG, ids=lambda words: "-".join(words)[:30])
def test_what_is_wrong_is_said_in_lines_that_fit(arguments: list[str], tmp_path: Path) -> None:
    text = read(on_a_terminal(*arguments))
    assert text.startswith("nlinkshim:")
    assert too_long(text, arguments) == []
    assert all(word in in_words(text) for word in arguments[-1:] if " " in word)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("run", "nlinkshim run -- smbd --foreground --no-process-group"),
        ("generate", "nlinkshim generate container --out dfs"),
    ],
)
@pytest.mark.parametrize("columns", [60, 72])
def test_a_command_within_a_sentence_is_not_torn(command: str, told: str, columns: int) -> None:
    text = read(on_a_terminal(command, columns=columns))
    assert told in text
    assert len(text.splitlines()) > 1


@pytest.mark.quick
def test_every_command_that_can_be_wrong_is_asked() -> None:
    assert {*COMMANDS, "verfy"} - {"demo"} == {words[0] for words in WRONG}


@pytest.mark.quick
def test_a_line_is_broken_between_words_alone() -> None:
    path = "/mnt/my media/dfs"
    text = f"WARN  id: {path}: run `umount -l -- x` and see '/mnt/a b' or /mnt/my media there (it's gone)"
    assert fitted(text, 24, [path]).splitlines() == [
        "WARN  id:",
        "      /mnt/my media/dfs:",
        "      run",
        "      `umount -l -- x`",
        "      and see '/mnt/a b'",
        "      or /mnt/my media",
        "      there (it's gone)",
    ]
    assert fitted(text, None) == text
    assert fitted(f"    command: cp -- '{path}' /mnt/x\nnext", 24) == (
        f"    command:\n      cp -- '{path}' /mnt/x\nnext"
    )
    assert (
        fitted("  remedy: start it again, then look at it", 30)
        == "  remedy: start it again, then\n    look at it"
    )
    assert fitted("\x1b[32mwell\x1b[0m done it is", 12) == "\x1b[32mwell\x1b[0m done it\n  is"


@pytest.mark.quick
def test_wide_characters_take_two_columns() -> None:
    assert cells("映画") == 4
    assert fitted("映画 映画 映画", 10) == "映画 映画\n  映画"
    assert shortened("/mnt/映画とテレビ/dfs", 14) == "/mnt/...ビ/dfs"
    table = as_table(["A", "B"], [["映画", "1"], ["x", "20"]], numbers=["B"], colours=("A", ["", ""]))
    assert table.splitlines() == ["A      B", "映画   1", "x     20"]


@pytest.mark.quick
def test_a_table_fits() -> None:
    """Cells are shortened first, columns left out where that is not enough."""
    heads = ["VERDICT", "MOUNT", "ENTRIES", "SECONDS"]
    rows = [["needed", f"/mnt/{LONG}", "1,000", "0.10"]]
    options = {
        "numbers": heads[2:],
        "colours": ("VERDICT", [""]),
        "flexible": ["MOUNT"],
        "dropped": ["SECONDS"],
    }
    whole, fitting, narrow = (as_table(heads, rows, width=width, **options) for width in (None, 50, 27))
    assert f"/mnt/{LONG}" in whole
    assert [len(line) for line in fitting.splitlines()] == [50, 50]
    assert re.search(r"needed   /mnt/a-lo\S*\.\.\.\S*name-  ", fitting)
    assert narrow.splitlines()[0] == "VERDICT  MOUNT     ENTRIES"

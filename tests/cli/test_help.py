"""Help: what fits a terminal of 80 columns, the pages, the manual and the completions of three shells."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.cli import nlinkshim

from nlinkshim.commands import COMMANDS
from nlinkshim.commands._parser import filled

pytestmark = pytest.mark.quick

DOCS = Path(__file__).parents[2] / "docs"
COMPLETIONS = DOCS / "completions"


@pytest.mark.parametrize("arguments", [["--help"], ["help"], *([name, "--help"] for name in COMMANDS)])
@pytest.mark.parametrize("columns", ["80", "200"])
def test_help_fits_80_columns(arguments, columns):
    outcome = nlinkshim(*arguments, env={"COLUMNS": columns})
    assert outcome.code == 0
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_rows_and_paragraphs():
    text = "one two three\nfour\n  word  row of five words\n  b  row\n\nlast"
    assert filled(text, 16) == [
        "one two three",
        "four",
        "  word  row of",
        "        five",
        "        words",
        "  b  row",
        "",
        "last",
    ]


def test_help_of_a_command_is_its_help():
    assert nlinkshim("help", "env").out == nlinkshim("env", "--help").out
    assert nlinkshim("help", "verify").out.endswith("more: nlinkshim help verify.md\n")


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_every_page_can_be_read(page):
    assert nlinkshim("help", page).out == (DOCS / page).read_text()
    assert f"  {page}\n" in nlinkshim("help").out


def test_the_pages_of_the_commands_are_up_to_date():
    done = processes.run([sys.executable, str(DOCS / "command_pages.py"), "--check"], check=False)
    assert done.returncode == 0, done.stderr


def test_the_manual():
    require("man")
    for name in ["nlinkshim", *(f"nlinkshim-{name}" for name in COMMANDS)]:
        command = ["man", "--warnings", "--local-file", str(DOCS / f"man/{name}.1")]
        done = processes.run(command, env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        assert not done.stderr, done.stderr
        assert re.match(rf"{name.upper()}\(1\)", done.stdout)
        assert all(f"--{word}" in done.stdout for word in ("scope", "plain")) or "verify" not in name
        assert not re.search("[-\u2010]$", done.stdout, re.MULTILINE)  # an option that is torn


WORDS = {
    "nlinkshim veri": "verify",
    "nlinkshim verify --thor": "--thorough",
    "nlinkshim generate comp": "compose",
}


@pytest.mark.parametrize("line", WORDS)
def test_bash_completes(line):
    words = line.split()
    script = (
        f"source {COMPLETIONS / 'nlinkshim'}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1};"
        f"_shtab_nlinkshim nlinkshim {words[-1]} {words[-2]}; echo ${{COMPREPLY[@]}}"
    )
    assert processes.run(["bash", "-c", script]).stdout.split() == [WORDS[line]]


@pytest.mark.parametrize("line", WORDS)
def test_fish_completes(line):
    require("fish")
    script = f"source {COMPLETIONS / 'nlinkshim.fish'}; complete -C {line!r}"
    lines = processes.run(["fish", "--no-config", "-c", script]).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == [WORDS[line]]


@pytest.mark.parametrize("line", WORDS)
def test_zsh_completes(line, tmp_path):
    require("zsh")
    main, other = pty.openpty()
    setup = f"fpath=({COMPLETIONS} $fpath); autoload -Uz compinit; compinit -u -D; print re''ady\n"
    env = {**os.environ, "TERM": "dumb", "HOME": str(tmp_path)}
    shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=other, stdout=other, stderr=other, env=env)
    try:
        os.close(other)
        os.write(main, setup.encode())
        seen = read_until(main, "ready", "")
        os.write(main, f"{line}\t".encode())
        assert WORDS[line] in read_until(main, WORDS[line], seen)[len(seen) :]
    finally:
        shell.kill()
        shell.wait()
        os.close(main)


def read_until(terminal: int, word: str, seen: str) -> str:
    end, start = time.monotonic() + 30, len(seen)
    while word not in seen[start:] and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
    return seen

"""Whatever bytes a name has: a terminal shows them as text, on one line, in any locale."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from harness.cli import nlinkshim, one_clear_line
from harness.preload import bare

NAME = b"".join(
    [
        b"\x1b]0;owned\x07\x1b[31mred",
        "\x9b31mred".encode(),
        "\u202egpj.exe".encode(),
        b"two\nlines first\rsecond",
        b"caf\xe9\xff",
        "a\u2028b".encode(),
        "映画 Åland".encode(),
    ]
)
COMPLAINTS = {
    "verify": ["verify", "{}"],
    "audit": ["audit", "/{}"],
    "doctor": ["doctor", "/{}"],
    "status": ["status", "--name", "{}"],
    "install": ["install", "/{}/x"],
    "install-for": ["install", "--dry-run", "--for", "/{}", "/usr/lib"],
    "install-machine": ["install", "--machine", "{}", "/usr/lib"],
    "run": ["run", "--", "./{}"],
    "run-scope": ["run", "--scope", "{}", "--", "true"],
    "env": ["env", "--scope", "{}"],
    "generate": ["generate", "container", "--out", "/dev/null/{}"],
    "generate-config": ["generate", "container", "--config", "/{}", "--out", "/dev/null/x"],
    "command": ["{}"],
    "option": ["path", "--{}"],
    "choice": ["verify", "--format", "{}", "/"],
    "number": ["verify", "--jobs", "{}", "/"],
}


def raw(*words: str | bytes, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nlinkshim", *map(os.fsencode, words)]
    return subprocess.run(command, env=bare(**variables), capture_output=True, check=False, timeout=60)


def is_safe(text: bytes) -> bool:
    return all(line.isprintable() for line in text.decode().split("\n"))


def test_a_complaint_names_it():
    """All commands, each with the name in the place where it complains about it."""
    for command, words in COMPLAINTS.items():
        done = raw(*(os.fsencode(word).replace(b"{}", NAME) for word in words))
        assert done.returncode in (1, 2, 3), (command, done)
        assert is_safe(done.stderr) and is_safe(done.stdout), (command, done)
        assert b"Traceback" not in done.stderr
        # argparse's have a usage line above, wrapped
        lines = done.stderr.decode().splitlines()
        assert lines[-1].startswith("nlinkshim") and (len(lines) == 1 or lines[0].startswith("usage:")), done


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX", "en_US.ISO-8859-1"])
def test_a_report_names_it(locale: str, folder: Path):
    program = os.fsencode(folder) + b"/" + NAME
    Path(os.fsdecode(program)).write_bytes(b"#!/bin/sh\n")
    for words in (["audit", program], ["verify", "--plain", os.path.dirname(program)]):  # noqa: PTH120
        encoding = {"en_US.ISO-8859-1": {"PYTHONIOENCODING": "iso-8859-1"}}.get(locale, {})
        done = raw(*words, LC_ALL=locale, **encoding)
        assert (done.returncode, done.stderr) == (0, b""), done
        assert b"\x1b" not in done.stdout and b"\r" not in done.stdout


def test_lines_for_a_shell_and_a_unit_hold_it():
    scope = b"/mnt/" + NAME
    shell, unit = raw("env", "--scope", scope), raw("env", "--scope", scope, "--format", "systemd")
    for done, heading in ((shell, []), (unit, [b"[Service]"])):
        lines = done.stdout.splitlines()
        assert is_safe(done.stdout) and len(lines) == len(heading) + 2, done
        assert lines[: len(heading)] == heading, done
    script = shell.stdout.decode() + 'printf "%s" "$NLINKSHIM_SCOPE"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout == scope
    # systemd's escapes are those of shlex plus \xNN
    (line,) = [line for line in unit.stdout.decode().splitlines() if "SCOPE" in line]
    (value,) = shlex.split(line.partition("=")[2].replace("\\x", "\\\\x").replace("%%", "%"))
    text = value.partition("=")[2]
    assert text.encode().decode("unicode_escape").encode("latin-1") == scope


def test_a_full_disk_behind_stdout():
    for words in (
        ["verify", "--plain", "/proc/self/fd"],
        ["audit", "/bin/sh"],
        ["env"],
        ["path"],
    ):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "nlinkshim", *words],
                env=bare(),
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert done.returncode == 3, (words, done)
        assert (
            done.stderr == b"nlinkshim: what was to be told cannot be written: No space left on device\n"
        ), words


def test_a_full_disk_behind_both_streams():
    command = [sys.executable, "-m", "nlinkshim", "env"]
    with open("/dev/full", "wb") as full:
        assert subprocess.run(command, env=bare(), stdout=full, stderr=full, check=False).returncode == 3


def test_audit_goes_on_behind_what_is_missing():
    done = nlinkshim("audit", "/no/such", "/bin/sh", "neither-is-this")
    assert done.code == 2
    assert done.out.splitlines()[-1].startswith("/bin/sh: reachable: ")
    assert [line.partition(":")[0::2] for line in done.err.splitlines()] == [
        ("nlinkshim", " /no/such: does not exist"),
        ("nlinkshim", " neither-is-this: does not exist"),
    ]
    both = nlinkshim("audit", "--format", "json", "/no/such", "/bin/sh", "/bin/ls")
    assert [program["path"] for program in both.document["programs"]] == ["/bin/sh", "/bin/ls"]
    assert one_clear_line(nlinkshim("audit", "/no/such"))

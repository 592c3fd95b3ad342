"""Counters that outlive the processes that counted."""

from __future__ import annotations

import errno
import mmap
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from harness import lacking, processes
from harness.preload import Shim
from seeing import see

from nlinkshim.engines.status.report import as_text
from nlinkshim.engines.status.result import Process, Survey

SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
LOOK = "[os.lstat(sys.argv[1]) for _ in range({})]"


def python(code: str, path: object) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", f"import os, signal, sys\n{code}\n{SLEEP}", str(path))


def test_what_a_child_counted_outlives_it(start, shim: Shim, lying_mount):
    """By fork, by a fork of that, and while others count: no call is lost."""
    children = f"""
before = os.getpid()
for _ in range(4):
    if os.fork() == 0:
        if os.fork() == 0:
            {LOOK.format(20_000)}
        else:
            {LOOK.format(20_000)}
            os.wait()
        os._exit(0)
for _ in range(4):
    os.wait()
"""
    found = see(start(shim(), *python(children, lying_mount / "readme.txt")))
    assert (found.problem, found.corrected) == (None, 8 * 20_000)


def test_a_program_that_is_started_counts_anew(start, shim: Shim, lying_mount):
    """It is not the same family, whoever started it."""
    path = lying_mount / "readme.txt"
    again = f"os.execv(sys.executable, {list(python(LOOK.format(7), path))!r})"
    found = see(start(shim(), *python(f"{LOOK.format(50)}\n{again}", path)))
    assert found.corrected == 7


def test_a_family_is_told_by_its_number(status, start, shim: Shim, lying_mount):
    """The living show one sum; another process of the same program is none of them."""
    fork = f"{LOOK.format(3)}\nif os.fork() == 0: signal.pause()"
    pid = start(shim(), *python(fork, lying_mount / "readme.txt"))
    other = see(start(shim(), *python("", lying_mount.path)))
    (child,) = (int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    try:
        processes.wait_until(lambda: see(child).effective, 10, "the child")
        looks = [see(pid), see(child)]
    finally:
        os.kill(child, signal.SIGKILL)
    assert [(look.corrected, look.family) for look in looks] == [(3, looks[0].family)] * 2
    assert other.family not in (None, looks[0].family)


def test_a_kernel_that_gives_no_page(start, shim: Shim, lying_mount):
    """The shim counts in its own memory, and that is said."""
    shared_and_anonymous = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
    program = python(LOOK.format(5), lying_mount / "readme.txt")
    refuse = (
        f"import os, sys; sys.path.insert(0, {str(Path(lacking.__file__).parent)!r}); import lacking;"
        f" lacking.deny('mmap', {errno.ENOMEM}, (3, {shared_and_anonymous})); "
        f" os.execv(sys.executable, {program!r})"
    )
    found = see(start(shim(), sys.executable, "-c", refuse))
    assert (found.corrected, found.family) == (5, None)
    assert "counts for itself" in str(found.problem)


@pytest.mark.quick
def test_a_family_counts_once():
    def process(pid: int, corrected: int, family: int | None) -> Process:
        return Process(pid, 1, "smbd", True, True, "0.1.0", "/x.so", "fuse", corrected, 0, family)

    survey = Survey((process(5, 100, 7), process(6, 100, 7), process(8, 3, None), process(9, 20, 9)))
    assert survey.corrected == 123
    shown = [re.split(r"  +", line.strip())[5] for line in as_text(survey).splitlines()[1:]]
    assert shown == ["100", "with 5", "3", "20"]

"""Every state in which status can find the shim in an ordinary process."""

from __future__ import annotations

import mmap
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from harness.capability import require
from harness.cli import nlinkshim
from harness.preload import Shim, bare
from seeing import other_build, see

import nlinkshim as package
from nlinkshim.engines.status.inspect import Installed, look

SLEEP = "import time; print('ready', flush=True); time.sleep(60)"


def python(before: str) -> tuple[str, ...]:
    """A Python that does something, says that it did and sleeps."""
    return (sys.executable, "-S", "-c", f"{textwrap.dedent(before)}\n{SLEEP}")


def test_effective(status, start, shim: Shim, lying_mount):
    """With the counters of what the process asked; one of its own start may leave a count of 0 alone too."""
    work = f"""
        import os
        for _ in range(5):
            os.stat({str(lying_mount.path)!r})
        unlinked = os.memfd_create("x")
        for _ in range(100):
            os.fstat(unlinked)
    """
    pid = start(shim(scope="fuse"), *python(work))
    code, (process,) = status("--pid", pid)
    assert code == 0
    assert process.pop("name").startswith("python")
    assert process.pop("left_alone") in range(100, 103)
    assert process.pop("family") > 0
    assert process == {
        "pid": pid,
        "ppid": os.getpid(),
        "mapped": True,
        "effective": True,
        "shim_version": package.__version__,
        "shim_path": str(shim.path),
        "scope": "fuse",
        "corrected": 5,
        "problem": None,
    }


def test_scope_of_paths(start, shim: Shim):
    assert see(start(shim(scope="/mnt/dfs:/mnt/other"))).scope == "/mnt/dfs:/mnt/other"


def test_off_is_not_effective(status, start, shim: Shim):
    code, (process,) = status("--pid", start(shim(scope="off")))
    assert (code, process["mapped"], process["effective"], process["scope"]) == (1, True, False, "off")
    assert "NLINKSHIM_SCOPE=off" in process["problem"]


def test_missing(status, start):
    code, (process,) = status("--pid", start(bare()))
    assert (code, process["mapped"], process["effective"], process["shim_version"]) == (1, False, False, None)
    assert "nlinkshim env" in process["problem"]


def test_refused_by_the_loader(start, folder, shim: Shim):
    """LD_PRELOAD names it, and yet it is not there."""
    broken = folder / "libnlinkshim.so"
    broken.write_text("no ELF file")
    found = see(start({**bare(), "LD_PRELOAD": str(broken)}))
    assert (found.mapped, found.effective) == (False, False)
    assert "although LD_PRELOAD names it" in found.problem


def test_a_static_program(start, shim: Shim, compile_c):
    program = compile_c("static-sleeper", SLEEPER, "-static")
    found = see(start(shim(), str(program)))
    assert (found.mapped, found.effective) == (False, False)
    assert "although LD_PRELOAD names it" in found.problem


def test_under_musl(start, shim: Shim, compile_c, build_folder):
    """Its loader relocates no table in place, and is libc itself."""
    require("musl-gcc")
    source = build_folder / "musl-sleeper.c"
    source.write_text(SLEEPER)
    from harness import processes

    processes.run(["musl-gcc", str(source), "-o", str(build_folder / "musl-sleeper")])
    found = see(start(shim(), str(build_folder / "musl-sleeper")))
    assert (found.effective, found.problem, found.shim_version) == (True, None, package.__version__)


SLEEPER = """
#include <stdio.h>
#include <unistd.h>
int main(void) { puts("ready"); fflush(stdout); sleep(60); return 0; }
"""


def test_opened_by_the_program_itself(start, shim: Shim):
    found = see(start(bare(), *python(f"import ctypes; ctypes.CDLL({str(shim.path)!r})")))
    assert (found.mapped, found.effective) == (True, False)
    assert "dlopen" in found.problem


def test_only_mapped_as_a_file(shim: Shim):
    with shim.path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        found = see(os.getpid())
    assert (found.mapped, found.effective) == (True, False)


def test_another_version(status, start, folder, shim: Shim):
    """It works there, so it is effective; but it is not the one that was verified here."""
    old = folder / "old.so"
    content = shim.path.read_bytes()
    ours = package.__version__.encode() + b"\0"
    assert content.count(ours) >= 1
    old.write_bytes(content.replace(ours, b"0.0.9\0"))
    code, (process,) = status("--pid", start({**bare(), "LD_PRELOAD": str(old)}))
    assert (code, process["effective"], process["shim_version"]) == (0, True, "0.0.9")
    assert "0.0.9" in process["problem"] and package.__version__ in process["problem"]


def test_another_build_of_this_version(start, folder, shim: Shim):
    other = folder / "other.so"
    other.write_bytes(other_build(shim))
    found = see(start({**bare(), "LD_PRELOAD": str(other)}))
    assert found.effective and "another build" in found.problem


@pytest.mark.parametrize(
    ("then", "said"),
    [("deleted", "was deleted"), ("replaced", "replaced by another build"), ("reinstalled", None)],
)
def test_the_file_changed_since(then, said, start, folder: Path, shim: Shim):
    mine = folder / "lib" / "libnlinkshim.so"
    mine.parent.mkdir()
    shutil.copy(shim.path, mine)
    pid = start({**bare(), "LD_PRELOAD": str(mine)})
    assert see(pid).problem is None
    mine.unlink()
    if then != "deleted":
        mine.write_bytes(other_build(shim) if then == "replaced" else shim.path.read_bytes())
    found = see(pid)
    assert found.effective and found.shim_path == str(mine)
    assert found.problem is None if said is None else said in found.problem


def test_without_a_choice_those_that_have_it(status, start, shim: Shim):
    with_it, without, off = start(shim()), start(bare()), start(shim(scope="off"))
    code, found = status()
    pids = {process["pid"] for process in found}
    assert code == 1, "one is off"
    assert {with_it, off} <= pids and without not in pids
    assert all(process["mapped"] for process in found)
    # Tasks of the kernel are none that could not be seen; a process with more privileges than this root is.
    barred = sum(is_barred(pid) for pid in Path("/proc").iterdir() if pid.name.isdecimal())
    said = nlinkshim("status").err
    assert said == "" if not barred else said.startswith(f"nlinkshim: {barred} process")


def is_barred(folder: Path) -> bool:
    try:
        folder.joinpath("maps").read_bytes()
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def test_every_name_of_a_process(start, compile_c, folder):
    """The command's, the executable's, and argv[0]'s."""
    program = compile_c("sleeper-by-name", SLEEPER)
    (folder / "alias").symlink_to(program)
    pid = start(bare(), "bash", "-c", f"exec -a first {folder}/alias")
    for name in ("alias", program.name, "first"):
        assert look(pid, name, Installed("0")) is not None, name
    assert look(pid, "bash", Installed("0")) is None


def test_nothing_to_look_at():
    gone = nlinkshim("status", "--pid", 2**22 - 1)
    assert (gone.code, gone.out) == (1, "") and "no process" in gone.err
    nobody = nlinkshim("status", "--name", "no-such-name")
    assert (nobody.code, nobody.out) == (1, "") and "no-such-name" in nobody.err


def test_a_watch_of_nobody_says_so_once():
    command = [sys.executable, "-m", "nlinkshim", "status", "--name", "no-such-name", "--watch", "0.05"]
    # a test run in the background ignores SIGINT, and what it starts would too
    command = ["env", "--default-signal=INT", *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert "no-such-name" in watch.stderr.readline()
        time.sleep(1)  # some looks more
        watch.send_signal(signal.SIGINT)
        assert watch.communicate() == ("", "")
    assert watch.returncode == 1


@pytest.mark.parametrize(
    "arguments", [["--pid", "x"], ["--pid", "0"], ["--pid", "1", "--name", "x"], ["--watch", "0"]]
)
def test_wrong_usage(arguments):
    outcome = nlinkshim("status", *arguments)
    assert outcome.code == 2 and "Traceback" not in outcome.err


def test_a_zombie_and_a_task_of_the_kernel():
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert "zombie" in see(child).problem
        name = Path(f"/proc/{child}/comm").read_text().strip()
        assert look(child, name, Installed("0")) is None, "a zombie has no name"
    finally:
        os.waitpid(child, 0)
    if (second := Path("/proc/2/comm")).exists() and second.read_text() == "kthreadd\n":
        assert "kernel" in see(2).problem


def test_another_user_may_not_look(start, shim: Shim):
    """Said, with an exit code of its own; not taken for a process without the shim."""
    require("root")
    pid = start(shim())
    assert see(pid).mapped  # and all is imported: another user may not read this checkout
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            found = see(pid)
            os.write(writing, f"{found.mapped} {found.effective} {found.problem}".encode())
        finally:
            os._exit(0)
    os.close(writing)  # else a child that fails would be waited for
    os.waitpid(child, 0)
    assert os.read(reading, 4096).decode() == "None False this user may not look into it; run as root"
    os.close(reading)

"""The load handshake: what a loader leaves out is never taken for loaded."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.cli import nlinkshim, one_clear_line
from harness.preload import Shim, bare

import nlinkshim as package
from nlinkshim.child import Child, DiedError, HungError
from nlinkshim.errors import NotLoadedError, UsageError
from nlinkshim.shim.handshake import HiddenError, loader_complaint, prove_loading

MS_NOEXEC = 8
KEEPER = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
int fstat64(int fd, void *st) { return (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH); }
int fstat(int fd, void *st) { return fstat64(fd, st); }
"""
# As libumockdev-preload: all calls go to libc's own handle, whatever is loaded besides.
HIDER = """
#define _GNU_SOURCE
#include <dlfcn.h>
static void *libc(const char *name) { return dlsym(dlopen("libc.so.6", RTLD_LAZY), name); }
#define HIDE(name, parameters, arguments) \
    int name parameters { int (*real) parameters = libc(#name); return real arguments; }
HIDE(stat, (const char *p, void *s), (p, s))
HIDE(lstat, (const char *p, void *s), (p, s))
HIDE(fstat, (int fd, void *s), (fd, s))
HIDE(fstatat, (int fd, const char *p, void *s, int flags), (fd, p, s, flags))
HIDE(statx, (int fd, const char *p, int flags, unsigned mask, void *s), (fd, p, flags, mask, s))
"""
ENTRY_POINTS = ("stat", "lstat", "fstat", "fstatat", "statx")


def refusal(shim: Path, **options) -> str:
    with pytest.raises(NotLoadedError) as caught:
        prove_loading(shim, environment=bare(), **options)
    assert caught.value.exit_code == 4
    return str(caught.value)


def test_the_installed_shim(shim: Shim):
    loaded = prove_loading(shim.path, bare(), scope="/mnt/dfs")
    assert (loaded.path, loaded.version, loaded.scope) == (str(shim.path), package.__version__, "/mnt/dfs")


def test_it_is_quick():
    prove_loading()
    times = []
    for _ in range(7):
        begin = time.monotonic()
        prove_loading()
        times.append(time.monotonic() - begin)
    assert min(times) < 0.15, times


def test_verbose_and_off_do_not_matter(shim: Shim):
    prove_loading(shim.path, {**bare(), "NLINKSHIM_VERBOSE": "1"}, scope="off")


def test_no_library(folder):
    (folder / "text.so").write_text("this is text")
    assert "no ELF file" in refusal(folder / "text.so")
    assert "No such file" in refusal(folder / "missing.so")


def test_another_library(compile_c):
    other = compile_c("other-library.so", "int other;", "-shared", "-fPIC")
    assert "did not load" in refusal(other)


def test_what_the_loader_says_is_passed_on(folder, shim: Shim):
    (folder / "noexec").mkdir()
    with mounts.mounted("none", folder / "noexec", "tmpfs", MS_NOEXEC) as mount:
        copy = Path(shutil.copy(shim.path, mount))
        said = refusal(copy)
    assert "did not load" in said and "(failed to map segment from shared object)" in said


def test_truncated(folder, shim: Shim):
    """Whatever it does to the process: the loader maps what is not there, or refuses."""
    content = shim.path.read_bytes()
    for length in (64, 4096, len(content) // 3, len(content) // 2):
        (folder / f"{length}.so").write_bytes(content[:length])
        assert refusal(folder / f"{length}.so")


def old_version(shim: Shim, folder: Path) -> Path:
    old = folder / "old.so"
    old.write_bytes(shim.path.read_bytes().replace(package.__version__.encode() + b"\0", b"0.0.9\0"))
    return old


def test_another_version(folder, shim: Shim):
    assert "version 0.0.9" in refusal(old_version(shim, folder))


def test_another_version_in_front_of_it(folder, shim: Shim):
    old = old_version(shim, folder)
    with pytest.raises(NotLoadedError, match=f"{old} is of version 0.0.9"):
        prove_loading(shim.path, {**bare(), "LD_PRELOAD": str(old)})


def test_a_damaged_state(folder, shim: Shim):
    content = shim.path.read_bytes()
    (folder / "damaged.so").write_bytes(content.replace(b"nlnkshim", b"nlnkshiX"))
    assert refusal(folder / "damaged.so")


def test_calls_that_do_not_reach_it(compile_c, shim: Shim):
    """Another preload in front that answers by itself."""
    keeper = compile_c("keeper.so", KEEPER, "-shared", "-fPIC", "-fno-builtin")
    with pytest.raises(NotLoadedError, match="calls do not reach it"):
        prove_loading(shim.path, {**bare(), "LD_PRELOAD": str(keeper)})


@pytest.fixture(scope="module")
def hider(shop):
    """hider("stat"): a library that keeps these calls from the shim, or all of them."""

    def build(*names: str) -> Path:
        source = "\n".join(
            line
            for line in HIDER.splitlines()
            if not names or not line.startswith("HIDE(") or line[5:].split(",")[0] in names
        )
        library = shop / f"hider-{'-'.join(names)}.so"
        text = library.with_suffix(".c")
        text.write_text(source)
        processes.run(["gcc", "-shared", "-fPIC", "-fno-builtin", "-o", str(library), str(text)])
        return library

    return build


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_each_call_is_looked_for(hider, shim: Shim, name):
    """The library that keeps it is named."""
    library = hider(name)
    with pytest.raises(HiddenError, match=rf"do not reach it \({name}\): {library} in front of it"):
        prove_loading(shim.path, {**bare(), "LD_PRELOAD": str(library)})
    prove_loading(shim.path, {**bare(), "LD_PRELOAD": str(library)}, first=True)


def test_run_puts_the_shim_in_front_of_what_hides_it(hider, shim: Shim, lying_mount):
    library = hider()
    command = ["sh", "-c", f"echo $LD_PRELOAD; exec stat -c %h {lying_mount.path}"]
    outcome = nlinkshim("run", "--", *command, env={"LD_PRELOAD": f"libm.so.6:{library}"})
    assert outcome.out.splitlines() == [f"{shim.path} libm.so.6 {library}", "2"]
    (line,) = outcome.err.splitlines()
    assert f"{library} in front of it in LD_PRELOAD keeps them; so the shim is put first" in line


def test_run_tells_what_the_loader_leaves_out(folder):
    """What is not there, and a path that a space parts."""
    entries = f"/no/such.so:{folder}/with space.so"
    outcome = nlinkshim("run", "--", "echo", "started", env={"LD_PRELOAD": entries})
    assert (outcome.code, outcome.out) == (0, "started\n")
    told = [line for line in outcome.err.splitlines() if line.startswith("nlinkshim: run: LD_PRELOAD names")]
    assert [line.split()[4].rstrip(",") for line in told] == ["/no/such.so", f"{folder}/with", "space.so"]
    assert all("cannot open shared object file" in line for line in told)


def test_run_with_a_copy_of_the_shim_in_front(folder, shim: Shim, lying_mount):
    copy = shutil.copy(shim.path, folder / "copy.so")
    command = ["stat", "-c", "%h", lying_mount.path]
    outcome = nlinkshim("run", "--", *command, env={"LD_PRELOAD": str(copy)})
    assert (outcome.code, outcome.out, outcome.err) == (0, "2\n", "")


def test_a_path_that_cannot_be_preloaded(folder, shim: Shim):
    (folder / "with space").mkdir()
    with pytest.raises(UsageError, match="space"):
        prove_loading(Path(shutil.copy(shim.path, folder / "with space")))


def test_run_refuses(folder, shim: Shim):
    """nlinkshim run, with an old copy in the environment's LD_PRELOAD."""
    old = old_version(shim, folder)
    outcome = nlinkshim("run", "--", "echo", "started", env={"LD_PRELOAD": str(old)})
    assert outcome.code == 4 and one_clear_line(outcome) and "0.0.9" in outcome.err
    assert "take it out of LD_PRELOAD" in outcome.err


def test_loader_complaint():
    line = "ERROR: ld.so: object '/x.so' from LD_PRELOAD cannot be preloaded (wrong ELF class): ignored."
    assert loader_complaint(f"first\n{line}\nlast") == "wrong ELF class"
    assert loader_complaint("one\ntwo") == "two"
    assert loader_complaint("") == ""


def test_a_child_that_hangs_is_given_up():
    begin = time.monotonic()
    child = Child("time:sleep", 60, 0.5)
    with pytest.raises(HungError):
        list(child)
    assert time.monotonic() - begin < 2


def test_a_child_that_dies_says_why():
    with pytest.raises(DiedError, match=r"exit 1.*no attribute 'nothing'"):
        list(Child("os:nothing", None, 5))
    with pytest.raises(DiedError, match="SIGABRT"):
        list(Child("signal:raise_signal", 6, 5))


def test_no_child_is_left(folder):
    child = Child("nlinkshim.mounts.look:look_in_steps", {"path": str(folder), "user": None}, 5)
    results = iter(child)
    assert next(results)[0] == "way"
    results.close()
    assert processes.run(["pgrep", "-P", str(os.getpid()), "-f", "nlinkshim.child"], check=False).stdout == ""

"""Calls that come before the shim's constructor, and other ways in than LD_PRELOAD at program start."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import Probe
from harness.table import BY_DESCRIPTOR, BY_NAME, EntryPoint, shaped


@pytest.fixture
def place(folder: Path, lying_mount) -> Path:
    """A folder in which `target` leads to a lying file."""
    (folder / "target").symlink_to(lying_mount / "readme.txt")
    return folder


@pytest.mark.parametrize(
    "libc, form",
    [("glibc", "constructor"), ("glibc", "ifunc-now"), ("glibc", "ifunc-lazy"), ("musl", "constructor")],
)
@pytest.mark.parametrize("scope", [None, "path"])
def test_before_the_shim_is_initialised(
    libc: str, form: str, scope, place: Path, lying_mount, request, shim: Shim
):
    early = request.getfixturevalue(f"{libc}_probes")[form]
    assert early.text(env=bare(), cwd=place) == "early\t0\t0\n"
    env = shim(scope=lying_mount.path if scope else None)
    assert early.text(env=env, cwd=place) == "early\t0\t1\n"


def test_the_constructor_really_comes_first(glibc_probes: dict[str, Probe], place: Path, shim: Shim):
    """Else the test above would show nothing."""
    done = processes.run([str(glibc_probes["constructor"].program)], env=shim(LD_DEBUG="files"), cwd=place)
    started = [line.split()[-1] for line in done.stderr.splitlines() if "calling init:" in line]
    assert started.index(str(shim.path)) > next(
        i for i, name in enumerate(started) if name.endswith("/libearly.so")
    )


@pytest.mark.parametrize("entry", shaped(BY_NAME, BY_DESCRIPTOR), ids=str)
def test_loaded_with_rtld_local(entry: EntryPoint, each_probe: Probe, lying_mount, shim: Shim):
    """RTLD_NEXT finds nothing from there."""
    words = [
        f"in={shim.path}",
        entry.name,
        lying_mount / "movies",
        f"in={shim.path}",
        entry.name,
        "/etc/passwd",
    ]
    output = each_probe.run(*words, env=bare())
    assert output.nlinks == [2, 1]
    assert [call.returned for call in output.calls] == [0, 0]


@pytest.mark.parametrize("entry", shaped({"FTS_READ", "FTS_CHILDREN", "FTW", "NFTW"}), ids=str)
def test_walks_loaded_with_rtld_local(entry: EntryPoint, the_probe: Probe, lying_mount, shim: Shim):
    steps = the_probe.run(f"in={shim.path}", entry.name, lying_mount / "movies", env=bare()).steps
    assert len(steps) >= 5
    assert {step.nlink for step in steps} - {1, 2} == set()


@pytest.mark.parametrize("entry", shaped({"LINK"}), ids=str)
def test_loaded_without_an_environment(entry: EntryPoint, each_probe: Probe, lying_mount, shim: Shim):
    """The defaults hold."""
    words = ["clearenv", "-", f"in={shim.path}", entry.name, lying_mount / "movies"]
    assert each_probe.run(*words, env=bare()).nlinks == [2]


def test_libc_itself_as_the_program(shim: Shim):
    """ld.so relocates the shim before it: an import that libc provides by an IFUNC would end there."""
    libc = next(
        line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/libc.so.6" in line
    )
    assert "C Library" in processes.run([libc], env=shim()).stdout


def test_after_fork(each_probe: Probe, lying_mount, shim: Shim):
    first = ["stat", lying_mount / "movies"]
    for words in (
        ["fork", "-", *first],
        [*first, "fork", "-", *first],
        ["fork", "-", "fstat", lying_mount / "readme.txt"],
    ):
        output = each_probe.run(*words, env=shim())
        assert all(call.nlink == (2 if call.name == "stat" else 1) for call in output.calls)
        assert output.calls


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_a_host_without_standard_streams(stream: int, the_probe: Probe, lying_mount, shim: Shim):
    """The shim's own descriptors do not land on the numbers that the host left free."""
    words = [
        "close",
        stream,
        "stat",
        lying_mount / "movies",
        "open",
        "/dev/null",
        "fstat",
        lying_mount / "readme.txt",
    ]
    output = processes.run(the_probe.command(*words), env=shim(), check=False)
    if stream != 1:
        assert [line.split("\t")[4] for line in output.stdout.splitlines()] == ["2", "1"]
    assert output.returncode in (0, 2)


def test_a_host_that_may_open_no_more_files(the_probe: Probe, lying_mount, shim: Shim):
    """Without a descriptor the shim cannot decide, and passes the call through: as libc answers it."""
    limited = [
        "sh",
        "-c",
        'ulimit -n 20; exec "$@"',
        "sh",
        *the_probe.command("stat", lying_mount / "movies"),
    ]
    done = processes.run(limited, env=shim())
    assert done.stdout.split("\t")[2:4] == ["0", "77"]
    assert done.stdout.split("\t")[4] in ("0", "2")


def test_clean_under_valgrind(the_probe: Probe, lying_mount, shim: Shim):
    require("valgrind")
    words: list[object] = []
    for entry in shaped(BY_NAME, BY_DESCRIPTOR):
        words += [entry.name, lying_mount / "movies", "repeat=700", entry.name, lying_mount / "readme.txt"]
        words += [entry.name, "/etc/passwd", entry.name, lying_mount / "movies/nothing"]
    for entry in shaped({"FTS_READ", "FTS_CHILDREN", "FTW", "NFTW"}):
        words += [entry.name, lying_mount / "shows"]
    checked = [
        "valgrind",
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--track-fds=no",
        "--child-silent-after-fork=yes",
    ]
    done = processes.run([*checked, *the_probe.command(*words)], env=shim(), timeout=110)
    assert done.stderr == ""
    counts = [
        line.split("\t")[4] for line in done.stdout.splitlines() if line.startswith("call") and "stat" in line
    ]
    assert counts.count("2") == counts.count("1") // 2 > 0


def test_a_program_of_other_privileges_is_not_preloaded(
    the_probe: Probe, lying_mount, folder: Path, shim: Shim
):
    """ld.so drops the preload of a set-user-id program: it runs, uncorrected and unharmed."""
    require("root")
    program = folder / "setuid"
    program.write_bytes(the_probe.program.read_bytes())
    program.chmod(0o4755)
    done = processes.run(
        ["setpriv", "--reuid=65534", "--clear-groups", str(program), "stat", str(lying_mount / "movies")],
        env=shim(),
    )
    assert done.stdout.split("\t")[4] == "0"

"""verify on real mounts: every verdict, from the command line, against the schema it ships."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from harness import mounts, processes
from harness.capability import require
from harness.cli import nlinkshim, one_clear_line


@pytest.fixture(scope="session")
def schema() -> dict:
    return json.loads(resources.files("nlinkshim").joinpath("report/schema/verify-1.json").read_text())


@pytest.fixture
def verify(schema):
    """verify(path, ...) returns the exit code and the one mount of its JSON, validated."""

    def run(*arguments: object, **options) -> tuple[int, dict]:
        outcome = nlinkshim("verify", "--format", "json", *arguments, **options)
        assert outcome.out, outcome.err
        jsonschema.validate(outcome.document, schema)
        (mount,) = outcome.document["mounts"]
        return outcome.code, mount

    return run


def test_needed_on_a_lying_mount(verify, lying_mount):
    code, mount = verify(lying_mount.path)
    assert (code, mount["verdict"], mount["fstype"]) == (0, "needed", "fuse.lying")
    assert mount["entries"] == mount["lies"] == mount["corrected"] > 20
    assert mount["wrong"] == mount["errors"] == 0
    assert {(s["raw"], s["patched"]) for s in mount["samples"]} == {(0, 1), (0, 2)}


def test_not_needed_on_an_honest_mount(verify, honest_mount):
    code, mount = verify(honest_mount.path)
    assert (code, mount["verdict"], mount["lies"], mount["samples"]) == (0, "not-needed", 0, [])
    assert "retired" in mount["remedy"]


def test_not_needed_on_a_disk(verify, folder):
    (folder / "file").write_text("")
    code, mount = verify(folder)
    assert (code, mount["verdict"], mount["entries"]) == (0, "not-needed", 2)


def test_ineffective_with_the_shim_off(verify, lying_mount):
    code, mount = verify(lying_mount.path, env={"NLINKSHIM_SCOPE": "off"})
    assert (code, mount["verdict"], mount["corrected"]) == (1, "ineffective", 0)
    assert mount["wrong"] == mount["lies"] == mount["entries"]
    assert "NLINKSHIM_SCOPE=off" in mount["cause"]
    assert {sample["problem"] for sample in mount["samples"]} == {"left at 0"}


def test_ineffective_outside_the_scope(verify, lying_mount):
    code, mount = verify(lying_mount.path, "--scope", "/elsewhere")
    assert (code, mount["verdict"]) == (1, "ineffective")
    assert str(lying_mount.path) in mount["remedy"]


def test_a_directory_count_of_1_is_right_if_asked_for(verify, lying_mount):
    code, mount = verify(lying_mount.path, env={"NLINKSHIM_DIR_NLINK": "1"})
    assert (code, mount["verdict"]) == (0, "needed")
    assert {sample["patched"] for sample in mount["samples"]} == {1}


MEDDLER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
    int (*next)(int, const char *, struct stat *, int) = dlsym(RTLD_NEXT, "fstatat");
    int result = next(dirfd, path, st, flags);
    CHANGE
    return result;
}
"""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("if (result == 0) st->st_size++;", "st_size changed"),
        ("if (result == 0) st->st_nlink = 7;", "became 7"),
        ("if (result == 0) return (errno = EPERM, -1);", "fails: Operation not permitted"),
    ],
)
def test_corrupting(verify, lying_mount, folder, change, problem):
    """With a library before the shim that spoils its answers."""
    require("cc")
    source, library = folder / "meddler.c", folder / "meddler.so"
    source.write_text("#include <errno.h>\n" + MEDDLER.replace("CHANGE", change))
    processes.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)])
    code, mount = verify(lying_mount.path, env={"LD_PRELOAD": str(library)})
    assert (code, mount["verdict"]) == (1, "corrupting")
    assert problem in {sample["problem"] for sample in mount["samples"]}


def test_lying_files_below_an_honest_root(verify, mount_scripted):
    with mount_scripted("lying-files") as mount:
        code, found = verify(mount.path)
    assert (code, found["verdict"]) == (0, "needed")
    assert 0 < found["lies"] == found["corrected"] < found["entries"]


def test_zeros_that_only_the_lookup_reports(verify, mount_gofuse):
    """As early decypharr builds did: the count is 0 as first looked up, and true when asked afresh."""
    with mount_gofuse(nlink="getattr-only", attr_timeout="60s", entry_timeout="60s") as mount:
        code, found = verify(mount.path, "--thorough")
    assert (code, found["verdict"], found["wrong"]) == (0, "needed", 0)
    assert found["lies"] > 10


def test_every_entry_point_of_every_entry(verify, lying_mount):
    code, mount = verify(lying_mount.path, "--every-entry-point", "--thorough")
    assert (code, mount["verdict"], mount["wrong"]) == (0, "needed", 0)


def test_a_killed_daemon_is_named(verify, mount_gofuse):
    with mount_gofuse() as mount:
        mount.kill()
        code, found = verify(mount.path)
    assert (code, found["verdict"]) == (3, "other-cause")
    assert "daemon is gone" in found["cause"]
    assert "fusermount3 -u" in found["remedy"]


def test_a_daemon_killed_under_the_walk(mount_gofuse):
    with mount_gofuse(entries=200_000, latency="1ms", plus=False) as mount:
        threading.Timer(0.7, mount.kill).start()
        outcome = nlinkshim("verify", "--format", "json", mount.path)
    (found,) = outcome.document["mounts"]
    assert (outcome.code, found["verdict"]) == (3, "other-cause")
    assert found["entries"] > 1


def test_a_hung_daemon_ends_in_time(mount_gofuse):
    with mount_gofuse() as mount:
        mount.freeze()
        begin = time.monotonic()
        outcome = nlinkshim("verify", "--format", "json", "--timeout", "1", mount.path)
        took = time.monotonic() - begin
        mount.thaw()
    (found,) = outcome.document["mounts"]
    assert (outcome.code, found["verdict"]) == (3, "incomplete")
    assert str(mount.path) in found["cause"]
    assert took < 3


def test_a_daemon_that_hangs_under_the_walk(mount_scripted, folder):
    """It accepted a request and never answers, so the worker cannot be killed: verify leaves it behind."""
    hang = folder / "hang"
    with mount_scripted("lying", hang_while=hang) as mount:
        list(mount.path.iterdir())
        hang.touch()
        begin = time.monotonic()
        outcome = nlinkshim("verify", "--format", "json", "--timeout", "1", mount.path)
        took = time.monotonic() - begin
        hang.unlink()
    assert (outcome.code, outcome.document["mounts"][0]["verdict"]) == (3, "incomplete")
    assert took < 3


def test_slow_but_alive_is_not_hung(verify, mount_gofuse):
    with mount_gofuse(latency="150ms", plus=False) as mount:
        code, found = verify(mount.path, "--timeout", "1", "--jobs", "2")
    assert (code, found["verdict"]) == (0, "needed")


def test_a_mount_without_allow_other(verify, folder):
    """Another user than the one who mounted gets EACCES, as smbd's clients do: the cause is named."""
    require("fuse")
    device = os.open("/dev/fuse", os.O_RDWR)
    try:
        options = f"fd={device},rootmode=40000,user_id=65534,group_id=65534"
        with mounts.mounted("private", folder, "fuse", 0, options):
            code, found = verify(folder)
    finally:
        os.close(device)
    assert (code, found["verdict"]) == (3, "other-cause")
    assert "lacks allow_other: only uid 65534" in found["cause"]
    assert "allow_other" in found["remedy"]


def _without_privilege(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run as root without the capabilities to read what others closed."""
    drop = "--drop=cap_dac_override,cap_dac_read_search"
    return processes.run(["capsh", drop, "--", "-c", shlex.join(command)], check=False)


def test_unreadable_folders_leave_it_incomplete(folder):
    require("capsh")
    closed = folder / "closed"
    closed.mkdir(mode=0)
    os.chown(closed, 65534, 65534)
    process = _without_privilege(
        [sys.executable, "-m", "nlinkshim", "verify", "--format", "json", str(folder)]
    )
    (found,) = json.loads(process.stdout)["mounts"]
    assert (process.returncode, found["verdict"], found["errors"]) == (3, "incomplete", 1)
    assert str(closed) in found["cause"]


def test_an_unreadable_root_is_named(folder):
    require("capsh")
    closed = folder / "closed"
    closed.mkdir(mode=0)
    os.chown(closed, 65534, 65534)
    process = _without_privilege(
        [sys.executable, "-m", "nlinkshim", "verify", "--format", "json", str(closed)]
    )
    (found,) = json.loads(process.stdout)["mounts"]
    assert (process.returncode, found["verdict"]) == (3, "other-cause")
    assert "may not read it" in found["cause"]


def test_io_errors_are_counted_and_the_need_stands(verify, mount_scripted):
    with mount_scripted("io-error") as mount:
        code, found = verify(mount.path)
    assert (code, found["verdict"], found["errors"]) == (0, "needed", 2)


def test_names_that_are_not_utf8(verify, mount_gofuse):
    with mount_gofuse(odd_names=True) as mount:
        names = [os.fsencode(path) for path in mount.path.iterdir()]
        assert any(b"\xff" in name or b"\xfe" in name or b"\xe9" in name for name in names), names
        code, found = verify(mount.path)
        text = nlinkshim("verify", mount.path, env={"NLINKSHIM_SCOPE": "off"})
    assert (code, found["verdict"]) == (0, "needed")
    assert text.code == 1
    assert "\udcff" not in text.out
    text.out.encode()


def test_entries_that_vanish_are_no_errors(verify, folder):
    """Files come and go while it walks; on an honest file system some are seen with a count of 0."""
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(200):
                (folder / f"f{number}").touch()
            for number in range(200):
                (folder / f"f{number}").unlink()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(5):
            code, found = verify(folder)
            assert (code, found["verdict"], found["errors"]) == (0, "not-needed", 0)
    finally:
        stop.set()
        thread.join()


def test_other_mounts_below_are_left_out_unless_asked_for(verify, folder):
    require("root")
    (folder / "inner").mkdir()
    with mounts.mounted("none", folder / "inner", "tmpfs"):
        (folder / "inner/file").touch()
        assert verify(folder)[1]["entries"] == 2
        assert verify(folder, "--no-one-file-system")[1]["entries"] == 3


def test_exclude_and_max_entries(verify, lying_mount):
    everything = verify(lying_mount.path)[1]["entries"]
    without = verify(lying_mount.path, "--exclude", "movies", "--exclude", "shows/*")[1]["entries"]
    assert 1 < without < everything
    assert verify(lying_mount.path, "--max-entries", "5")[1]["entries"] == 5


def test_a_deep_tree_and_a_wide_one(verify, folder):
    deep = folder
    for _ in range(300):
        deep /= "d"
        deep.mkdir()
    wide = folder / "wide"
    wide.mkdir()
    for number in range(6000):
        (wide / str(number)).mkdir()
    assert verify(folder, "--jobs", "1")[1]["entries"] == verify(folder)[1]["entries"] == 6302


def test_memory_is_bounded(mount_gofuse):
    """Parent and worker stay below 64 MiB, whatever the size of the tree."""
    with mount_gofuse(entries=150_000, attr_timeout="60s", entry_timeout="60s") as mount:
        outcome = processes.run([sys.executable, "-c", PEAK, str(mount.path)], timeout=110)
    # the larger of the two, twice: getrusage knows no sum
    assert int(outcome.stdout) * 2 < 64 * 1024


PEAK = """
import resource, subprocess, sys
command = [sys.executable, "-m", "nlinkshim", "verify", sys.argv[1]]
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)  # KiB
"""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["/does/not/exist"], 2, "does not exist"),
        (["/etc/passwd"], 2, "not a folder"),
        (["--scope", "everything", "/"], 2, "scope 'everything'"),
        (["--jobs", "0", "/"], 2, "--jobs 0"),
        (["--timeout", "0", "/"], 2, "--timeout 0"),
        (["--shim", "/etc/passwd", "/"], 4, "no ELF file"),
        (["--shim", "/does/not/exist", "/"], 4, "No such file"),
        (["--shim", "/lib/x86_64-linux-gnu/libm.so.6", "/proc/self/fdinfo"], 4, "did not load"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, code, said):
    outcome = nlinkshim("verify", *arguments)
    assert outcome.code == code
    assert said in outcome.err
    assert one_clear_line(outcome), outcome.err


def test_a_shim_for_another_machine(folder):
    foreign = folder / "foreign.so"
    header = bytearray(Path("/proc/self/exe").read_bytes()[:64])
    header[18:20] = (183).to_bytes(2, "little")
    foreign.write_bytes(header)
    outcome = nlinkshim("verify", "--shim", foreign, "/")
    assert outcome.code == 4
    assert "aarch64" in outcome.err
    assert one_clear_line(outcome)


def test_a_shim_of_another_version(shim, folder):
    old = folder / "old.so"
    old.write_bytes(shim.path.read_bytes().replace(b"0.1.0\0", b"0.0.9\0"))
    outcome = nlinkshim("verify", "--shim", old, "/proc/self/fdinfo")
    assert outcome.code == 4
    assert "0.0.9" in outcome.err
    assert one_clear_line(outcome)


def test_several_mounts_take_the_worst_exit_code(lying_mount, honest_mount, mount_gofuse):
    with mount_gofuse() as dead:
        dead.kill()
        outcome = nlinkshim("verify", lying_mount.path, dead.path, honest_mount.path)
    assert outcome.code == 3
    assert [word in outcome.out for word in ("needed", "other-cause", "not-needed")] == [True] * 3


def test_interrupted_tells_what_it_knows(mount_gofuse):
    with mount_gofuse(entries=1_000_000, latency="1ms", plus=False) as mount:
        command = [sys.executable, "-m", "nlinkshim", "verify", "--format", "json", str(mount.path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        process.send_signal(2)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 3, err
    (found,) = json.loads(out)["mounts"]
    assert (found["verdict"], found["cause"]) == ("incomplete", "interrupted")
    assert found["entries"] > 1
    assert "Traceback" not in err

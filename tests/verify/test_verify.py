"""verify on real mounts: every verdict, from the command line, against the schema it ships."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require
from harness.cli import nlinkshim, on_a_terminal, one_clear_line

import nlinkshim as package


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
    code, mount = verify("--plain", folder)
    assert (code, mount["verdict"], mount["entries"]) == (0, "not-needed", 2)
    assert "retired" not in mount["remedy"]


def test_ineffective_with_the_shim_off(verify, lying_mount):
    code, mount = verify(lying_mount.path, env={"NLINKSHIM_SCOPE": "off"})
    assert (code, mount["verdict"], mount["corrected"]) == (1, "ineffective", 0)
    assert mount["left"] == mount["lies"] == mount["entries"]
    assert mount["wrong"] == 0
    assert "loaded and inert" in mount["cause"]
    assert "unset NLINKSHIM_SCOPE" in mount["remedy"]
    assert {sample["problem"] for sample in mount["samples"]} == {"left at 0"}


def test_ineffective_outside_the_scope(verify, lying_mount):
    code, mount = verify(lying_mount.path, "--scope", "/elsewhere")
    assert (code, mount["verdict"]) == (1, "ineffective")
    assert str(lying_mount.path) in mount["remedy"]


def test_a_directory_count_of_1_is_right_if_asked_for(verify, lying_mount):
    code, mount = verify(lying_mount.path, env={"NLINKSHIM_DIR_NLINK": "1"})
    assert (code, mount["verdict"]) == (0, "needed")
    assert {sample["patched"] for sample in mount["samples"]} == {1}


def test_lying_files_below_an_honest_root(verify, mount_scripted):
    with mount_scripted("lying-files") as mount:
        code, found = verify(mount.path)
    assert (code, found["verdict"]) == (0, "needed")
    assert 0 < found["lies"] == found["corrected"] < found["entries"]


def test_a_mount_given_by_a_symbolic_link(verify, lying_mount, folder):
    link = folder / "link"
    link.symlink_to(lying_mount.path)
    code, mount = verify(link)
    assert (code, mount["verdict"], mount["fstype"], mount["path"]) == (0, "needed", "fuse.lying", str(link))
    assert mount["entries"] == mount["lies"] > 20


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
        [sys.executable, "-m", "nlinkshim", "verify", "--plain", "--format", "json", str(folder)]
    )
    (found,) = json.loads(process.stdout)["mounts"]
    assert (process.returncode, found["verdict"], found["unread"]) == (3, "incomplete", {"EACCES": 1})
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
    assert (code, found["verdict"], found["errors"], found["unread"]) == (3, "needed", 2, {"EIO": 2})
    assert "2 entries could not be read (EIO 2)" in found["cause"]


def test_names_that_are_not_utf8(verify, mount_gofuse):
    """JSON gives their bytes back, text shows them as escapes."""
    with mount_gofuse("fr\udce8re", odd_names=True) as mount:
        code, found = verify(mount.path)
        text = nlinkshim("verify", mount.path, env={"NLINKSHIM_SCOPE": "off"})
        assert (mount / "latin-\udce9.txt").exists()
    assert (code, found["verdict"]) == (0, "needed")
    paths = {os.fsencode(sample["path"]) for sample in found["samples"]}
    assert {os.fsencode(found["path"]), os.fsencode(mount.path) + b"/latin-\xe9.txt"} <= paths
    assert text.code == 1
    assert "/fr\\xe8re" in text.out
    text.out.encode()


def test_entries_that_vanish_are_no_errors(verify, mount_scripted):
    """They were listed, and are gone, stale, or no longer below a folder as they are looked at."""
    with mount_scripted("vanishing", entry_timeout=0) as mount:
        code, found = verify(mount.path)
    assert (code, found["verdict"], found["errors"]) == (0, "not-needed", 0)
    assert (found["vanished"], found["ghosts"]) == (3, 0)
    assert found["judged"] + found["vanished"] == found["entries"]


def test_entries_that_are_listed_for_ever_and_never_there_are_told(verify, mount_scripted):
    with mount_scripted("listed-but-not-there", entry_timeout=0) as mount:
        code, found = verify(mount.path)
    assert (code, found["verdict"], found["errors"]) == (0, "not-needed", 0)
    assert found["vanished"] == found["ghosts"] == 3
    assert "can be retired" not in found["remedy"]


@contextlib.contextmanager
def motion(folder: Path, make: Callable[[Path], None], remove: Callable[[Path], None]) -> Iterator[None]:
    """200 entries come and go all the time. 300 stay: else too little could be judged."""
    stop = threading.Event()
    for number in range(300):
        (folder / f"stays{number}").touch()

    def churn() -> None:
        while not stop.is_set():
            for number in range(200):
                make(folder / f"goes{number}")
            for number in range(200):
                remove(folder / f"goes{number}")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_file_system_in_motion(verify, folder):
    """Files come and go while it walks; on an honest file system some are seen with a count of 0."""
    with motion(folder, Path.touch, Path.unlink):
        for _ in range(5):
            code, found = verify("--plain", folder)
            assert (code, found["verdict"], found["errors"]) == (0, "not-needed", 0)


def test_folders_in_motion(verify, folder):
    """A folder that goes after it was judged, and before it is opened or read, is no error."""
    with motion(folder, Path.mkdir, Path.rmdir):
        found = [verify("--plain", folder)[1] for _ in range(12)]
    assert [(mount["verdict"], mount["unread"]) for mount in found] == [("not-needed", {})] * 12


def test_other_mounts_below_are_left_out_unless_asked_for(verify, folder):
    require("root")
    (folder / "inner").mkdir()
    with mounts.mounted("none", folder / "inner", "tmpfs"):
        (folder / "inner/file").touch()
        _, found = verify("--plain", folder)
        every = nlinkshim("verify", "--plain", "--format", "json", "--no-one-file-system", folder)
    assert (found["entries"], found["mounts_below_paths"]) == (1, [str(folder / "inner")])
    assert [(mount["path"], mount["fstype"], mount["entries"]) for mount in every.document["mounts"]] == [
        (str(folder), found["fstype"], 1),
        (str(folder / "inner"), "tmpfs", 2),
    ]


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        (["movies"], 6),
        (["e01.mkv"], 2),
        (["*.mkv"], 5),
        (["shows/*"], 7),
        (["shows/*/e01.mkv"], 2),
        (["*/e01.mkv"], 0),
        (["movies", "shows/*"], 13),
    ],
)
def test_exclude(verify, lying_mount, patterns, left_out):
    everything = verify(lying_mount.path)[1]["entries"]
    options = [f"--exclude={pattern}" for pattern in patterns]
    assert verify(lying_mount.path, *options)[1]["entries"] == everything - left_out


def test_max_entries(verify, lying_mount):
    _, found = verify(lying_mount.path, "--max-entries", "5")
    assert (found["entries"], found["limited"]) == (5, True)
    assert "of the first 5 entries" in nlinkshim("verify", "--max-entries", "5", lying_mount.path).out


def test_only_all_of_a_mount_retires_the_shim(verify, honest_mount):
    part, whole = (verify(honest_mount.path, "--max-entries", most)[1] for most in ("5", "0"))
    assert "can be retired" in whole["remedy"]
    assert "can be retired" not in part["remedy"], "what it did not look at may lie"
    assert "of the first 5 entries" in part["cause"]


def test_a_deep_tree(verify, folder):
    deep = folder
    for _ in range(300):
        deep /= "d"
        deep.mkdir()
    assert verify("--plain", folder)[1]["entries"] == 301


def test_deeper_than_a_path_can_say(verify, folder):
    """The kernel takes 4,095 bytes: what lies beyond is walked all the same, and named by its beginning."""
    names = [f"{number:0200}" for number in range(45)]
    here = os.open(folder, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    code, found = verify("--plain", "--every-entry-point", folder)
    assert (code, found["verdict"], found["entries"]) == (0, "not-needed", 47)


@pytest.mark.parametrize(("entries", "fanout"), [(10_000, 1), (20_000, 20_000)])
def test_more_than_can_wait_for_its_turn(verify, mount_gofuse, entries, fanout):
    """More folders, or more names of a folder, than the walk keeps at hand: none is left out."""
    with mount_gofuse(entries=entries, fanout=fanout, attr_timeout="60s", entry_timeout="60s") as mount:
        found = [verify(mount.path, "--jobs", jobs)[1] for jobs in (1, 32)]
    counts = ("entries", "judged", "lies", "corrected")
    assert [mount[count] for mount in found for count in counts] == [1 + entries] * 2 * len(counts)


def test_memory_is_bounded(mount_gofuse):
    """Parent and worker stay below 64 MiB together, and the worker takes no more for a large tree."""
    with mount_gofuse(entries=150_000, attr_timeout="60s", entry_timeout="60s") as mount:
        outcome = processes.run([sys.executable, "-c", PEAK, str(mount.path)], timeout=110)
    few, all_of_them, parent = map(int, outcome.stdout.split())
    assert all_of_them + parent < 64 * 1024
    assert all_of_them - few < 2 * 1024


# The parent's own ru_maxrss would begin at that of the process that started it; VmHWM does not.
PEAK = """
import re, resource, sys, nlinkshim
from nlinkshim.engines.verify.options import Options
for entries in (2000, 0):
    nlinkshim.verify([sys.argv[1]], options=Options(max_entries=entries))
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)  # KiB
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
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
    rows = [line.split() for line in outcome.out.splitlines()[1:4]]
    assert [row[:2] for row in rows] == [
        ["needed", str(lying_mount.path)],
        ["other-cause", str(dead.path)],
        ["not-needed", str(honest_mount.path)],
    ]


def test_from_python(mount_gofuse):
    seen = []
    with mount_gofuse(latency="30ms", plus=False) as mount:
        (result,) = package.verify([mount.path], progress=lambda *counts: seen.append(counts))
    assert (result.path, result.verdict.value) == (str(mount.path), "needed")
    assert result.lies == result.corrected == result.entries
    assert seen
    assert all(0 <= lies <= entries <= result.entries for entries, lies in seen)
    with pytest.raises(package.NlinkshimError, match="does not exist"):
        package.verify(["/does/not/exist"])


def test_a_progress_bar_and_colour_are_for_terminals(mount_gofuse):
    with mount_gofuse(latency="30ms", plus=False) as mount:
        terminal = on_a_terminal("verify", mount.path)
        elsewhere = nlinkshim("verify", mount.path)
        without_colour = on_a_terminal("verify", mount.path, NO_COLOR="1")
    assert elsewhere.err == ""
    assert "\x1b" not in elsewhere.out
    assert " entries, " in terminal
    assert "\x1b[32mneeded\x1b[0m" in terminal
    assert "\x1b[32m" not in without_colour

"""Verdicts are remembered, but not for longer than device numbers can be trusted; and they cost nothing."""

from __future__ import annotations

import collections
import contextlib
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
from harness import gofuse, mounts, processes
from harness.calls import by_name
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import Probe
from harness.table import BY_NAME, EntryPoint, shaped

BOUND = "1.1"  # seconds until a verdict is surely stale


@contextlib.contextmanager
def mount_with(device: tuple[int, int], make, place: Path | None = None, attempts: int = 50):
    """A mount that got this device number. The kernel hands out the lowest free one, but others mount too."""
    for _ in range(attempts):
        with make() as mount:
            if (mounts.topmost(place).device if place else mount.device) == device:
                yield mount
                return
    raise AssertionError(f"no mount got device {device} again")


@pytest.mark.parametrize("scope", ["fuse", "path"])
def test_device_number_reused_by_an_honest_mount(
    scope: str, the_probe: Probe, mount_gofuse, folder: Path, shim: Shim
):
    """What is known of the lying file system must not be held against the one that got its number."""
    place = folder / "place"
    warm = ["stat", place / "movies", "fstat", place / "movies", "fstat", place / "readme.txt"]
    script = [*warm, "pause", "lying", "sleep", BOUND]
    script += ["open", place / "readme.txt", "unlink", place / "readme.txt", "fstat", "@", "statx", "@"]
    env = shim(scope=place if scope == "path" else None)
    with mount_gofuse("place") as lying, the_probe.paused(*script, env=env) as probe:
        assert probe.until("lying").nlinks == [2, 2, 1]
        lying.unmount()
        with mount_with(lying.device, lambda: mount_gofuse("place", nlink="honest")):
            assert probe.rest().nlinks == [0, 0]


def test_device_number_reused_by_a_lying_mount(the_probe: Probe, mount_gofuse, folder: Path, shim: Shim):
    place = folder / "place"
    script = ["stat", place / "movies", "pause", "honest", "sleep", BOUND]
    script += ["fstat", place / "readme.txt", "stat", place / "movies", "statx", place / "movies"]
    with mount_gofuse("place", nlink="honest") as honest, the_probe.paused(*script, env=shim()) as probe:
        assert probe.until("honest").nlinks == [2]
        honest.unmount()
        with mount_with(honest.device, lambda: mount_gofuse("place")):
            assert probe.rest().nlinks == [1, 2, 2]


def test_device_number_reused_by_a_tmpfs(the_probe: Probe, mount_gofuse, folder: Path, shim: Shim):
    place = folder / "place"
    script = ["fstat", place / "readme.txt", "pause", "lying", "sleep", BOUND]
    script += ["open", place / "held", "unlink", place / "held", "fstat", "@"]
    with mount_gofuse("place") as lying, the_probe.paused(*script, env=shim()) as probe:
        assert probe.until("lying").nlinks == [1]
        lying.unmount()
        with mount_with(lying.device, lambda: mounts.mounted("tmpfs", place, "tmpfs"), place):
            (place / "held").write_text("")
            assert probe.rest().nlinks == [0]


@pytest.fixture(scope="module")
def frozen_mount(gofuse_program: Path, build_folder: Path, the_probe: Probe):
    """A lying mount whose daemon is stopped after the kernel has learnt the attributes of some entries."""
    with gofuse.mount(
        gofuse_program, build_folder / "frozen", attr_timeout="1h", entry_timeout="1h"
    ) as mount:
        paths = [mount / name for name in ("movies", "movies/film one.mkv", "readme.txt")]
        the_probe.run(*(word for path in paths for word in ("stat", path)), env=bare())
        mount.freeze()
        yield mount, paths


@pytest.mark.parametrize("entry", shaped(BY_NAME), ids=str)
@pytest.mark.parametrize("scope", ["fuse", "path"])
def test_a_stopped_daemon_blocks_no_answer_by_name(
    entry: EntryPoint, scope, the_probe, frozen_mount, shim: Shim
):
    """What the kernel answers from its cache, the shim corrects without asking the daemon."""
    mount, paths = frozen_mount
    words = by_name(entry, *paths)
    raw = the_probe.run(*words, env=bare(), timeout=5)
    assert set(raw.nlinks) == {0}
    patched = the_probe.run(*words, env=shim(scope=mount.path if scope == "path" else None), timeout=5)
    assert [call.nlink for call in patched.calls] == [2 if call.mode & 0o40000 else 1 for call in raw.calls]


def test_a_stopped_daemon_blocks_no_other_mount(the_probe: Probe, frozen_mount, lying_mount, shim: Shim):
    mount, _ = frozen_mount
    words = ["stat", lying_mount / "movies", "fstat", lying_mount / "readme.txt", "stat", "/etc/passwd"]
    for scope in (None, f"{mount.path}:{lying_mount.path}"):
        assert the_probe.run(*words, env=shim(scope=scope), timeout=5).nlinks == [2, 1, 1]


def test_a_killed_daemon(the_probe: Probe, mount_gofuse, shim: Shim):
    with mount_gofuse() as mount:
        the_probe.run("stat", mount / "movies", env=shim())
        mount.kill()
        words = [
            "stat",
            mount / "shows",
            "lstat",
            mount / "shows",
            "statx",
            mount / "shows",
            "stat",
            mount.path,
        ]
        raw = the_probe.run(*words, env=bare(), timeout=5)
        assert {call.returned for call in raw.calls} == {-1}
        assert the_probe.run(*words, env=shim(), timeout=5) == raw


def system_calls(
    probe: Probe, words: list[object], env: dict[str, str], log: Path
) -> collections.Counter[str]:
    processes.run(["strace", "-f", "-qq", "-o", str(log), *probe.command(*words)], env=env, timeout=60)
    return collections.Counter(re.findall(r"^\d+\s+(\w+)\(", log.read_text(), re.MULTILINE))


STEADY = {
    "by name": ["stat", "{}/movies/film one.mkv"],
    "folder by name": ["stat", "{}/movies"],
    "link": ["lstat", "{}/to-movies"],
    "fstatat": ["fstatat", "{}/readme.txt"],
    "statx": ["statx", "{}/readme.txt"],
    "descriptor": ["fstat", "@"],
    "empty path": ["fstatat", "@"],
    "below a descriptor": ["fstatat", "@/film one.mkv"],
    "relative": ["stat", "film one.mkv"],
    "descriptor of a folder": ["statx", "@"],
}


@pytest.mark.parametrize("kind", STEADY)
@pytest.mark.parametrize("mount", ["lying", "honest"])
def test_no_system_call_is_added_in_the_steady_state(
    kind, mount, the_probe, request, folder: Path, shim: Shim
):
    """Beyond the revalidation once a second, a corrected call makes the one system call that libc makes."""
    require("strace")
    path = request.getfixturevalue(f"{mount}_mount").path
    verb, operand = STEADY[kind]
    opened = path / ("movies" if "below" in kind or "folder" in kind else "readme.txt")

    def count(repeat: int, env: dict[str, str]) -> collections.Counter[str]:
        words = ["chdir", path / "movies", "path-only=1", "open", opened]
        words += [f"repeat={repeat}", verb, operand.format(path)]
        return system_calls(the_probe, words, env, folder / "log")

    calls, seconds = 4000, 3
    raw = count(calls, bare())
    patched = count(calls, shim())
    added = sum(patched.values()) - sum(raw.values())
    # Loading costs some; a revalidation reads mountinfo: open, dup, close, and a read a piece.
    pieces = len(Path("/proc/self/mountinfo").read_bytes()) // 1024 + 2
    assert added <= 10 + seconds * (2 * (pieces + 10) + 5), patched - raw
    assert added >= 0


@pytest.mark.parametrize("timeouts", [{"attr_timeout": "0s", "entry_timeout": "0s"}, {"attr_timeout": "1h"}])
def test_no_descriptor_is_kept(timeouts, mount_gofuse, shim: Shim):
    program = textwrap.dedent(
        """
        import os, sys, time
        os.chdir(sys.argv[1])
        before = os.listdir("/proc/self/fd")
        for _ in range(250):
            for look in (os.stat, os.lstat):
                for name in ("readme.txt", ".", "..", "/proc/self/cwd", "movies"):
                    look(name)
            descriptor = os.open("readme.txt", os.O_PATH)
            os.fstat(descriptor)
            os.close(descriptor)
            time.sleep(0.005)
        assert os.stat("readme.txt").st_nlink == 1
        assert os.stat(".").st_nlink == 2
        assert os.listdir("/proc/self/fd") == before
        """
    )
    with mount_gofuse(**timeouts) as mount:
        processes.run(["python3", "-c", program, str(mount.path)], env=shim())


def test_a_mount_table_of_a_thousand_lines(the_probe: Probe, lying_mount, folder: Path, shim: Shim):
    """In a mount namespace of its own; the lying mount is looked up among all."""
    many = f'mkdir -p "{folder}/many/$i"; mount -t tmpfs none "{folder}/many/$i"'
    script = f'for i in $(seq 1000); do {many}; done; exec "$@"'
    words = the_probe.command("stat", lying_mount / "movies", "fstat", lying_mount / "readme.txt")
    mounting = ["unshare", "--mount", "sh", "-c", script, "sh", "env", f"LD_PRELOAD={shim.path}", *words]
    done = subprocess.run(mounting, env=bare(), capture_output=True, text=True, timeout=60, check=True)
    assert [line.split("\t")[4] for line in done.stdout.splitlines()] == ["2", "1"]

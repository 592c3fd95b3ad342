"""Where only mountinfo tells of mounts, the shim needs one descriptor for a moment: under a high number where
the host allows, else under any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import MOUNTINFO_ONLY, Output, Probe

SCENES: dict[str, list[object]] = {
    "limit 8": ["limit", 8],
    "limit 64": ["limit", 64],
    "limit 101": ["limit", 101],
    "limit 102": ["limit", 102],
    "limit 101, one left": ["limit", 101, "fill", 1],
    "one left": ["limit", 200, "fill", 1],
    "fcntl denied, EPERM": ["deny", "fcntl=1"],
    "fcntl denied, ENOSYS": ["deny", "fcntl=38"],
    "limit 64, prlimit denied": ["limit", 64, "deny", "prlimit64=1"],
    "limit 64, both denied": ["limit", 64, "deny", "fcntl=1", "deny", "prlimit64=38"],
}


def descriptors(output: Output) -> list[str]:
    return [fields[1] for kind, *fields in output.other if kind == "descriptors"]


@pytest.mark.parametrize("stdin", ["open", "closed"])
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_right_answers(scene: str, stdin: str, nlink: str, the_probe: Probe, mount_gofuse, shim: Shim):
    with mount_gofuse(nlink=nlink) as mount:
        words: list[object] = [*MOUNTINFO_ONLY, *(["close", 0] if stdin == "closed" else [])]
        words += ["path-only=1", "open", mount / "readme.txt", *SCENES[scene]]
        if "denied" not in scene:
            words += ["list", "before"]
        words += [
            "fstat",
            "@",
            "stat",
            mount / "readme.txt",
            "statx",
            mount / "movies/poster.jpg",
            "sleep",
            "1.1",
        ]
        words += ["repeat=20", "fstat", "@", "fstatat", "@"]
        if "denied" not in scene:
            words += ["list", "after"]
        output = the_probe.run(*words, env=shim())
    assert output.nlinks == [1, 1, 1, 1, 1]
    assert len(set(descriptors(output))) <= 1


@pytest.mark.parametrize("stdin", ["open", "closed"])
def test_no_descriptor_at_all(stdin: str, the_probe: Probe, lying_mount, shim: Shim):
    """The mounts cannot be read: the call passes as libc answers it, and nothing of the host's is touched."""
    words: list[object] = [*MOUNTINFO_ONLY, *(["close", 0] if stdin == "closed" else [])]
    words += ["path-only=1", "open", lying_mount / "readme.txt", "limit", 30, "fill", 0, "list", "before"]
    words += ["fstat", "@", "stat", lying_mount / "readme.txt", "list", "after"]
    raw, patched = the_probe.run(*words, env=bare()), the_probe.run(*words, env=shim())
    assert patched.calls == raw.calls
    before, after = descriptors(patched)
    assert before == after


def test_the_number_is_high(the_probe: Probe, lying_mount, shim: Shim, folder: Path):
    """Above 100 where the limit allows, else the highest."""
    require("strace")
    for limit, lowest in ((1000, 101), (64, 63), (8, 7)):
        words = the_probe.command(*MOUNTINFO_ONLY, "limit", limit, "stat", lying_mount / "movies")
        processes.run(["strace", "-o", str(folder / "log"), "-e", "trace=read,fcntl", *words], env=shim())
        reads = re.findall(r"read\((\d+), \"\d+ \d+ \d+:", (folder / "log").read_text())
        assert {int(number) for number in reads} == {lowest}


@pytest.mark.parametrize(
    "thefts, wrong",
    [("openat=1", 0), ("openat=3", 0), ("openat=20", 5), ("read=1", 1), ("read=3", 3)],
)
def test_the_host_takes_the_number(thefts: str, wrong: int, the_probe: Probe, lying_mount, shim: Shim):
    """It is opened again. Where the mounts could not be read at last, that holds for one call alone."""
    calls = ["stat", lying_mount / "readme.txt"] * 30
    counts = the_probe.run(*MOUNTINFO_ONLY, "steal", thefts, *calls, env=shim()).nlinks
    assert counts == [0] * wrong + [1] * (30 - wrong)


def test_none_is_needed_where_the_kernel_tells(the_probe: Probe, mount_gofuse, shim: Shim):
    """statmount (Linux 6.8) takes no descriptor."""
    require("statmount")
    with mount_gofuse() as mount:
        words = [
            "path-only=1",
            "open",
            mount / "readme.txt",
            "open",
            mount / "movies",
            "limit",
            30,
            "fill",
            0,
        ]
        words += ["fstat", "@", "stat", mount / "readme.txt"]
        assert the_probe.run(*words, env=shim()).nlinks == [2, 1]

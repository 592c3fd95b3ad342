"""Other preloads that wrap the same functions keep their effect, in front of the shim and behind it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import processes
from harness.calls import corrected
from harness.capability import find_library, require
from harness.preload import Shim, bare
from harness.probe import Call, Probe
from harness.table import BY_DESCRIPTOR, BY_NAME, WALKS, EntryPoint, shaped

ORDERS = ["before", "after"]
ENTRY_POINTS = shaped(BY_NAME, BY_DESCRIPTOR)


def library(name: str) -> Path:
    path = find_library(name)
    assert path is not None
    return path


def assert_both_effects(entry: EntryPoint, alone: list[Call], both: list[Call]) -> None:
    """What the other library makes of the answer, with the count corrected in it."""
    assert [(call.returned, call.errno) for call in both] == [(call.returned, call.errno) for call in alone]
    for other, call in zip(alone, both, strict=True):
        assert call.content == (corrected(entry, other) if other.nlink == 0 else other.content)


@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=str)
@pytest.mark.parametrize("order", ORDERS)
def test_libfaketime(entry: EntryPoint, order: str, the_probe: Probe, lying_mount, shim: Shim):
    """It moves the times in the answers of those functions that it knows."""
    require("faketime")
    faketime = library("faketime/libfaketime.so.1")
    words = [
        entry.name,
        lying_mount / "movies",
        entry.name,
        lying_mount / "readme.txt",
        entry.name,
        "/etc/passwd",
    ]
    raw = the_probe.run(*words, env=bare()).calls
    alone = the_probe.run(*words, env=bare(LD_PRELOAD=str(faketime), FAKETIME="-1000d")).calls
    if entry.name in {"stat", "lstat", "fstat", "__xstat", "__fxstatat64"}:
        assert alone[0].content != raw[0].content, "libfaketime has no effect, so the test shows nothing"
    both = the_probe.run(*words, env=shim(FAKETIME="-1000d", **{order: faketime})).calls
    assert_both_effects(entry, alone, both)


@pytest.fixture(scope="module")
def fakeroot_key() -> Iterator[str]:
    """A faked daemon, whose key the clients find in the environment."""
    require("fakeroot")
    done = processes.run(["faked-sysv"], env=bare())
    key, _, pid = done.stdout.strip().partition(":")
    try:
        yield key
    finally:
        with contextlib.suppress(ProcessLookupError):
            subprocess.run(["kill", pid], check=False)


@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=str)
@pytest.mark.parametrize("order", ORDERS)
def test_fakeroot(
    entry: EntryPoint, order: str, the_probe: Probe, lying_mount, fakeroot_key: str, shim: Shim
):
    """It shows the owner that a file was given under it, from its own table."""
    fakeroot = library("libfakeroot/libfakeroot-sysv.so")
    other = {"LD_PRELOAD": str(fakeroot), "FAKEROOTKEY": fakeroot_key}
    targets = [lying_mount / "movies", lying_mount / "readme.txt"]
    processes.run(["chown", "4321:1234", *map(str, targets)], env=bare(**other), check=False)
    words = [word for target in targets for word in (entry.name, target)]
    raw = the_probe.run(*words, env=bare()).calls
    alone = the_probe.run(*words, env=bare(**other)).calls
    assert alone[0].content != raw[0].content, "fakeroot has no effect, so the test shows nothing"
    both = the_probe.run(*words, env=shim(FAKEROOTKEY=fakeroot_key, **{order: fakeroot})).calls
    assert_both_effects(entry, alone, both)


@pytest.mark.parametrize("order", ORDERS)
def test_jemalloc(order: str, the_probe: Probe, lying_mount, shim: Shim):
    """An allocator that is not ready, or stats early, when the shim resolves its names."""
    require("jemalloc")
    jemalloc = library("libjemalloc.so.2")
    words = [word for entry in ENTRY_POINTS for word in (entry.name, lying_mount / "movies")]
    words += [word for entry in shaped(WALKS) for word in (entry.name, lying_mount / "shows")]
    env = shim(MALLOC_CONF="stats_print:true", **{order: jemalloc})
    done = processes.run(the_probe.command(*words), env=env)
    assert "jemalloc statistics" in done.stderr
    calls = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("call\t")]
    assert [fields[4] for fields in calls[: len(ENTRY_POINTS)]] == ["2"] * len(ENTRY_POINTS)


@pytest.mark.parametrize("entry", shaped({"PATH", "FD"}), ids=str)
@pytest.mark.parametrize(
    "order", [("faketime", "shim", "fakeroot"), ("fakeroot", "shim", "faketime")], ids="-".join
)
def test_in_the_middle(
    entry: EntryPoint, order, the_probe: Probe, lying_mount, fakeroot_key: str, shim: Shim
):
    """One in front and one behind."""
    require("faketime")
    paths = {
        "faketime": library("faketime/libfaketime.so.1"),
        "fakeroot": library("libfakeroot/libfakeroot-sysv.so"),
    }
    env = {"FAKETIME": "-1000d", "FAKEROOTKEY": fakeroot_key}
    front, _, back = order
    words = [entry.name, lying_mount / "movies", entry.name, lying_mount / "readme.txt"]
    alone = the_probe.run(*words, env=bare(LD_PRELOAD=f"{paths[front]}:{paths[back]}", **env)).calls
    both = the_probe.run(*words, env=shim(before=paths[front], after=paths[back], **env)).calls
    assert_both_effects(entry, alone, both)

"""What verify compares: with libraries before the shim that spoil answers, and daemons whose answers move."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.table import ENTRY_POINTS, SYMBOLS

MEDDLER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
int fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
    int (*next)(int, const char *, struct stat *, int) = dlsym(RTLD_NEXT, "fstatat");
    int result = next(dirfd, path, st, flags);
    CHANGE
    return result;
}
"""


@pytest.fixture
def meddler(folder):
    """meddler(c_code) is a library to be put before the shim, which spoils its answers."""
    require("cc")

    def build(change: str) -> Path:
        source, library = folder / "meddler.c", folder / "meddler.so"
        source.write_text(MEDDLER.replace("CHANGE", change))
        processes.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source)])
        return library

    return build


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("if (result == 0) st->st_size++;", "st_size changed"),
        ("if (result == 0) st->st_nlink = 7;", "became 7"),
        ("if (result == 0) return (errno = EPERM, -1);", "fails: Operation not permitted"),
    ],
)
def test_corrupting(verify, lying_mount, meddler, change, problem):
    code, mount = verify(lying_mount.path, env={"LD_PRELOAD": str(meddler(change))})
    assert (code, mount["verdict"]) == (1, "corrupting")
    assert problem in {sample["problem"] for sample in mount["samples"]}


FIELDS = [
    "st_dev",
    "st_ino",
    "st_mode",
    "st_uid",
    "st_gid",
    "st_rdev",
    "st_size",
    "st_blksize",
    "st_blocks",
    "st_atim",
    "st_mtim",
    "st_ctim",
]


def test_any_field_that_changes_is_named(verify, lying_mount, meddler):
    """An entry each, by its inode number, whenever it is asked for."""
    cases = "".join(f"case {n}: ((char *)&st->{name})[0] ^= 1; break;" for n, name in enumerate(FIELDS))
    library = meddler(f"if (result == 0) switch (st->st_ino % {len(FIELDS) + 1}) {{ {cases} }}")
    code, mount = verify(lying_mount.path, env={"LD_PRELOAD": str(library)})
    assert (code, mount["verdict"], mount["left"]) == (1, "corrupting", 0)
    assert mount["wrong"] + mount["corrected"] == mount["entries"]
    problems = {sample["problem"] for sample in mount["samples"]}
    assert problems == {None, *(f"{name} changed" for name in FIELDS)}


def test_a_crash_under_the_preload_is_named(verify, lying_mount, meddler):
    code, mount = verify(lying_mount.path, env={"LD_PRELOAD": str(meddler("abort();"))})
    assert (code, mount["verdict"]) == (3, "incomplete")
    assert "SIGABRT" in mount["cause"]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        # now and then: what no repetition shows proves nothing against the shim
        ("static int n; if (result == 0 && ++n % 7 == 0) st->st_size++;", (0, "needed", 0)),
        ("static int n; if (result == 0 && ++n % 3 == 0) return (errno = EIO, -1);", (0, "needed", 0)),
        # always, for one entry: that is the shim
        ("if (result == 0 && st->st_ino == 3) st->st_size++;", (1, "corrupting", 1)),
        ("if (result == 0 && st->st_ino == 3) return (errno = EIO, -1);", (1, "corrupting", 1)),
    ],
)
def test_a_conviction_must_repeat(verify, lying_mount, meddler, change, outcome):
    code, mount = verify(lying_mount.path, env={"LD_PRELOAD": str(meddler(change))})
    assert (code, mount["verdict"], mount["wrong"]) == outcome


@pytest.fixture(scope="module")
def failing(build_folder):
    """failing("lstat") is an environment in which the walker finds that entry point to fail: failing.c."""
    require("cc")
    library = build_folder / "failing.so"
    source = Path(__file__).with_name("failing.c")
    command = ["gcc", "-shared", "-fPIC", "-I", str(SYMBOLS.parent), "-o", str(library), str(source)]
    processes.run(command)
    return lambda which: {"LD_PRELOAD": str(library), "FAIL": which}


@pytest.fixture
def forty_files(folder):
    for number in range(40):
        (folder / str(number)).touch()
    return folder


def test_every_entry_point_is_compared(verify, failing, forty_files):
    code, mount = verify(
        "--plain",
        forty_files,
        "--every-entry-point",
        "--jobs",
        "1",
        "--sample",
        "1000",
        env=failing("in-turn"),
    )
    assert (code, mount["verdict"]) == (1, "corrupting")
    assert {sample["entry_point"] for sample in mount["samples"]} == {entry.name for entry in ENTRY_POINTS}
    assert {sample["problem"] for sample in mount["samples"]} == {"fails: Operation not permitted"}


@pytest.mark.parametrize(
    ("which", "arguments", "wrong"),
    [
        ("fresh", [], 16),
        ("fresh", ["--sample", "10"], 19),
        ("fresh", ["--thorough"], 41),
        ("fresh", ["--every-entry-point"], 16),
        ("fstat", [], 16),
        ("fstat", ["--sample", "10"], 19),
        ("fstat", ["--every-entry-point"], 41),
        ("fstat", ["--thorough"], 16),
    ],
)
def test_how_many_are_looked_at_closely(verify, failing, forty_files, which, arguments, wrong):
    """The first 16 of the 41, and one in --sample; asked afresh or by all entry points, all if so told."""
    _, mount = verify("--plain", forty_files, *arguments, env=failing(which))
    assert (mount["verdict"], mount["entries"], mount["wrong"]) == ("corrupting", 41, wrong)


def test_zeros_that_only_the_lookup_reports(verify, mount_gofuse):
    """As early decypharr builds did: the count is 0 as first looked up, and true when asked afresh."""
    with mount_gofuse(nlink="getattr-only", attr_timeout="60s", entry_timeout="60s") as mount:
        code, found = verify(mount.path, "--thorough")
    assert (code, found["verdict"], found["wrong"]) == (0, "needed", 0)
    assert found["lies"] > 10


def test_zeros_that_only_the_daemon_asked_afresh_reports(verify, mount_gofuse):
    with mount_gofuse(nlink="lookup-only", attr_timeout="60s", entry_timeout="60s") as mount:
        code, found = verify(mount.path, "--thorough")
    assert (code, found["verdict"]) == (0, "needed")
    assert found["lies"] == found["corrected"] == found["entries"] > 20


def test_every_entry_point_of_every_entry_is_right(verify, lying_mount):
    code, mount = verify(lying_mount.path, "--every-entry-point", "--thorough")
    assert (code, mount["verdict"], mount["wrong"]) == (0, "needed", 0)


def test_what_changes_while_it_is_looked_at_is_no_error(verify, mount_scripted):
    """/file grows with each look, /empty for a while: count and type are judged all the same."""
    with mount_scripted("growing", attr_timeout=0, entry_timeout=0) as mount:
        code, found = verify(mount.path)
    assert (code, found["verdict"], found["wrong"], found["errors"]) == (0, "needed", 0, 0)
    assert found["lies"] == found["corrected"] == found["entries"]
    assert found["moved"] == 2

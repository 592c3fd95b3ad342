"""Environment variables, and what the shim shows of itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess

import pytest
from harness import processes
from harness.preload import Shim
from harness.probe import Probe

BAD_SCOPES = {
    "a word": "everything",
    "relative": "mnt/dfs",
    "relative second": "/mnt/dfs:mnt/other",
    "mixed": "fuse:/mnt",
    "empty part": "/mnt::/other",
    "capital": "FUSE",
    "space": " fuse",
    "too long": "/x" * 3000,
    "too many": ":".join(f"/{n}" for n in range(500)),
    "controls": "bad\x1b[31m\nvalue",
}


def look(probe: Probe, mount, env: dict[str, str]) -> tuple[list[str], str]:
    """The counts of a lying folder and a lying file, and what was written on stderr."""
    words = [
        "stat",
        mount / "movies",
        "fork",
        "-",
        "fstat",
        mount / "readme.txt",
        "stat",
        mount / "readme.txt",
    ]
    done = processes.run(probe.command(*words), env=env)
    return [line.split("\t")[4] for line in done.stdout.splitlines()], done.stderr


def test_silent_by_default(each_probe: Probe, lying_mount, shim: Shim):
    assert look(each_probe, lying_mount, shim()) == (["2", "1", "1"], "")


def test_verbose_is_one_line(each_probe: Probe, lying_mount, shim: Shim):
    counts, text = look(each_probe, lying_mount, shim(verbose=True, scope=lying_mount.path, dir_nlink=1))
    assert counts == ["1", "1", "1"]
    assert text.count("\n") == 1
    assert re.match(r"^nlinkshim \d+\.\d+\S*: loaded\b", text)
    assert str(lying_mount.path) in text


@pytest.mark.parametrize("value", ["0", "", "yes", "2"])
def test_verbose_is_1_or_not_at_all(value: str, the_probe: Probe, lying_mount, shim: Shim):
    assert look(the_probe, lying_mount, shim(NLINKSHIM_VERBOSE=value)) == (["2", "1", "1"], "")


@pytest.mark.parametrize("value", BAD_SCOPES.values(), ids=BAD_SCOPES.keys())
def test_a_bad_scope_is_named_once_and_the_default_holds(
    value: str, each_probe: Probe, lying_mount, shim: Shim
):
    counts, text = look(each_probe, lying_mount, shim(scope=value))
    assert counts == ["2", "1", "1"]
    assert text.count("\n") == 1
    assert text.startswith("nlinkshim: NLINKSHIM_SCOPE=")
    assert "fuse" in text
    assert "\x1b" not in text
    assert len(text) < 600


@pytest.mark.parametrize("value", ["0", "3", "two", "22", "-1", "1 "])
def test_a_bad_directory_count_is_named_once_and_the_default_holds(
    value: str, the_probe: Probe, lying_mount, shim: Shim
):
    counts, text = look(the_probe, lying_mount, shim(NLINKSHIM_DIR_NLINK=value))
    assert counts == ["2", "1", "1"]
    assert text.count("\n") == 1
    assert text.startswith("nlinkshim: NLINKSHIM_DIR_NLINK=")


def test_an_empty_setting_is_none(each_probe: Probe, lying_mount, shim: Shim):
    env = shim(NLINKSHIM_SCOPE="", NLINKSHIM_DIR_NLINK="")
    assert look(each_probe, lying_mount, env) == (["2", "1", "1"], "")


@pytest.mark.parametrize("stderr", ["broken pipe", "full pipe", "broken socket", "closed"])
@pytest.mark.parametrize("setting", ["NLINKSHIM_VERBOSE", "NLINKSHIM_SCOPE"])
def test_a_message_that_nobody_takes(stderr: str, setting: str, the_probe: Probe, lying_mount, shim: Shim):
    """It neither ends the host, nor holds it up."""
    ends = [end.detach() for end in socket.socketpair()] if "socket" in stderr else list(os.pipe())
    if stderr == "full pipe":
        os.set_blocking(ends[1], False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(ends[1], bytes(4096))
        os.set_blocking(ends[1], True)
    else:
        os.close(ends.pop(0))
    command = the_probe.command("stat", lying_mount / "movies")
    if stderr == "closed":
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    done = subprocess.run(
        command, env=shim(**{setting: "1"}), stdout=subprocess.PIPE, stderr=ends[-1], timeout=20, check=False
    )
    for end in ends:
        os.close(end)
    assert (done.returncode, done.stdout.split(b"\t")[4:5]) == (0, [b"2"])


def test_names_that_only_begin_like_a_setting(the_probe: Probe, lying_mount, shim: Shim):
    env = shim(NLINKSHIM_SCOPES="off", NLINKSHIM_SCOP="off", XNLINKSHIM_SCOPE="off")
    assert look(the_probe, lying_mount, env) == (["2", "1", "1"], "")


READ_STATE = """
import ctypes, json, os, sys
class Counters(ctypes.Structure):
    _fields_ = [("corrected", ctypes.c_size_t), ("left_alone", ctypes.c_size_t)]
class State(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_char * 8), ("layout", ctypes.c_uint32), ("size", ctypes.c_uint32),
                ("version", ctypes.c_char * 32),
                ("configured", ctypes.c_uint32), ("scope_kind", ctypes.c_uint32),
                ("directory_nlink", ctypes.c_uint32), ("word_size", ctypes.c_uint32),
                ("own", Counters), ("shared", ctypes.POINTER(Counters)),
                ("last_revalidation", ctypes.c_size_t), ("scope", ctypes.c_char * 4096)]
state = State.in_dll(ctypes.CDLL(None), "nlinkshim_state")
counters = state.shared.contents
before = counters.corrected, counters.left_alone
for _ in range(100): os.lstat(sys.argv[1])
between = counters.corrected, counters.left_alone
descriptor = os.memfd_create("unlinked")
for _ in range(10): os.fstat(descriptor)
print(json.dumps({
    "magic": state.magic.decode(), "layout": state.layout, "size": state.size == ctypes.sizeof(State),
    "version": state.version.decode(), "configured": state.configured, "scope_kind": state.scope_kind,
    "directory_nlink": state.directory_nlink, "word_size": state.word_size == ctypes.sizeof(ctypes.c_size_t),
    "corrected": between[0] - before[0], "left_alone": counters.left_alone - between[1],
    "clock": state.last_revalidation > 0, "scope": state.scope.decode()}))
"""


@pytest.mark.parametrize(
    "scope, kind, text, counted", [(None, 0, "fuse", 100), ("path", 1, "{}", 100), ("off", 2, "off", 0)]
)
def test_the_state_object(scope, kind: int, text: str, counted: int, lying_mount, shim: Shim):
    env = shim(scope=lying_mount.path if scope == "path" else scope, dir_nlink=1)
    done = processes.run(["python3", "-c", READ_STATE, str(lying_mount / "readme.txt")], env=env)
    state = json.loads(done.stdout)
    assert re.fullmatch(r"\d+\.\d+\S*", state.pop("version"))
    assert state == {
        "magic": "nlnkshim", "layout": 2, "size": True, "configured": 1, "scope_kind": kind,
        "directory_nlink": 1,
        "word_size": True, "corrected": counted, "left_alone": 10, "clock": counted > 0,
        "scope": text.format(lying_mount.path),
    }  # fmt: skip


def test_the_version_is_the_package_s(shim: Shim):
    import nlinkshim

    assert nlinkshim.__version__.encode() + b"\0" in shim.path.read_bytes()

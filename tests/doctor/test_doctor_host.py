"""doctor on the host: the shim's file, the loader, the kernel and smbd, each as it can be ill."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.preload import Shim, bare

from nlinkshim.engines.doctor import kernel, loading, samba
from nlinkshim.engines.doctor.checks import CHECKS
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer
from nlinkshim.engines.status.result import Process, Survey
from nlinkshim.errors import NotLoadedError

MS_NOEXEC = 8
DOCUMENT = Path(__file__).parents[2] / "docs" / "doctor.md"
HERE = Context(None, 5)


def only(answers) -> Answer:
    (answer,) = answers
    return answer


def test_a_noexec_mount(folder, shim: Shim, mend, monkeypatch):
    (folder / "noexec").mkdir()
    with mounts.mounted("none", folder / "noexec", "tmpfs", MS_NOEXEC) as mount:
        copy = Path(shutil.copy(shim.path, mount))
        monkeypatch.setattr(loading, "shim_path", lambda: copy)
        ill = only(loading.shim_noexec(HERE))
        assert ill.level.value == "FAIL" and str(mount) in ill.message
        unloadable = only(loading.shim_loads(HERE))
        assert unloadable.level.value == "FAIL" and "failed to map segment" in unloadable.message
        mend({"command": ill.command})
        well = Context(None, 5)
        assert only(loading.shim_noexec(well)).level.value == "PASS"
        assert only(loading.shim_loads(well)).level.value == "PASS"


def test_no_shim(monkeypatch):
    def missing() -> Path:
        raise NotLoadedError("it is missing")

    monkeypatch.setattr(loading, "shim_path", missing)
    assert only(loading.shim_loads(HERE)).level.value == "FAIL"
    assert list(loading.shim_noexec(HERE)) == []


# A filter that gives statx (332 on x86-64) another end, as an old container runtime does.
FILTER = """
import ctypes, os, struct, sys
action = int(sys.argv[1], 0)
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 332), (0x06, 0, 0, action), (0x06, 0, 0, 0x7fff0000)]
program = b"".join(struct.pack("HBBI", *line) for line in code)
buffer = ctypes.create_string_buffer(program)
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, header, 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("action", "level", "said"),
    [
        ("0x00050001", "WARN", "statx fails"),
        ("0x00050026", "WARN", "mount ids"),
        ("0x80000000", "FAIL", "kills"),
    ],
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter is written for x86-64")
def test_a_seccomp_filter(action, level, said):
    """statx denied (EPERM), absent (ENOSYS), deadly."""
    command = [sys.executable, "-c", FILTER, action, sys.executable, "-m", "nlinkshim", "doctor"]
    done = processes.run(command, env=bare(), check=False)
    (line,) = [line for line in done.stdout.splitlines() if "  seccomp: " in line]
    assert line.startswith(level) and said in line


def test_without_a_filter():
    answer = only(loading.seccomp(HERE))
    assert answer.level.value == "PASS"
    assert ("no seccomp filter" in answer.message) == ("Seccomp:\t0" in Path("/proc/self/status").read_text())


@pytest.mark.parametrize(
    ("release", "level"),
    [("4.19.0-1", "WARN"), ("5.7.19", "WARN"), ("5.8.0-rc1", "PASS"), ("6.18.4", "PASS")],
)
def test_the_kernel(release, level, monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", release, "#1", "x86_64")))
    assert only(kernel.release(HERE)).level.value == level


def test_the_fuse_device(monkeypatch, tmp_path):
    assert only(kernel.fuse_device(HERE)).level.value == "PASS"
    monkeypatch.setattr(kernel, "FUSE_DEVICE", str(tmp_path / "none"))
    answer = only(kernel.fuse_device(HERE))
    assert answer.level.value == "WARN" and "--device /dev/fuse" in answer.remedy


def test_fuse_conf(monkeypatch, tmp_path, mend):
    conf = tmp_path / "fuse.conf"
    monkeypatch.setattr(kernel, "FUSE_CONF", conf)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ill = only(kernel.fuse_conf(HERE))
    assert ill.level.value == "WARN"
    mend({"command": ill.command})
    assert only(kernel.fuse_conf(HERE)).level.value == "PASS"
    conf.write_text("# user_allow_other\n")
    assert only(kernel.fuse_conf(HERE)).level.value == "WARN"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert only(kernel.fuse_conf(HERE)).level.value == "PASS"


def test_the_cifs_client(monkeypatch, tmp_path):
    def found(loaded: bool, modules: dict[str, str] | None) -> Answer:
        monkeypatch.setattr(kernel, "known", lambda name: loaded and name == "cifs")
        monkeypatch.setattr(kernel, "MODULES", tmp_path / "modules")
        shutil.rmtree(tmp_path / "modules", ignore_errors=True)
        if modules is not None:
            (tmp_path / "modules" / os.uname().release).mkdir(parents=True)
        for name, text in (modules or {}).items():
            (tmp_path / "modules" / os.uname().release / name).write_text(text)
        return only(kernel.cifs(HERE))

    assert "in the kernel" in found(True, None).message
    assert (
        "is a module"
        in found(False, {"modules.dep": "kernel/fs/smb/client/cifs.ko.xz: kernel/x.ko\n"}).message
    )
    built_in = found(False, {"modules.builtin": "kernel/fs/smb/client/cifs.ko\n"})
    assert built_in.level.value == "PASS"
    assert found(False, {"modules.dep": "kernel/fs/ext4/ext4.ko:\n"}).level.value == "WARN"
    assert found(False, None).level.value == "WARN"


def test_smbd_is_audited(monkeypatch, tmp_path):
    static = tmp_path / "smbd"
    source = tmp_path / "smbd.c"
    source.write_text("int main(void) { return 0; }")
    processes.run(["gcc", "-static", str(source), "-o", str(static)])
    monkeypatch.setattr(samba, "smbd_program", lambda: static)
    assert only(samba.smbd(HERE)).level.value == "FAIL"
    static.write_bytes(b"\x7fELF")
    assert only(samba.smbd(HERE)).level.value in ("WARN", "FAIL")
    monkeypatch.setattr(samba, "smbd_program", lambda: None)
    assert only(samba.smbd(HERE)).level.value == "WARN"


def test_smbd_processes(monkeypatch, tmp_path):
    def said(*found: Process) -> Answer:
        monkeypatch.setattr(samba, "status", lambda name: Survey(found))
        return only(samba.smbd_running(Context(str(tmp_path), 5)))

    well = Process(10, 1, "smbd", mapped=True, effective=True, corrected=1200)
    bare_one = Process(11, 1, "smbd", mapped=False, problem="the shim is not loaded")
    unseen = Process(12, 1, "smbd", mapped=None, problem="this user may not look into it")
    assert said().level.value == "PASS"
    assert (said(well).level.value, "1,200" in said(well).message) == ("PASS", True)
    assert said(well, bare_one).level.value == "WARN" and "11" in said(well, bare_one).message
    assert said(unseen).level.value == "WARN"


def test_every_check_is_documented():
    documented = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert documented == [check.id for check in CHECKS]

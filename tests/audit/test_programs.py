"""One program of each kind, and what the audit says of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from harness.capability import require
from harness.cli import nlinkshim, one_clear_line
from harness.programs import compiled, give_capabilities, ids, library

from nlinkshim.engines.audit import audit as engine


def test_a_program_of_glibc(audit, dynamic):
    code, result = audit(dynamic)
    assert (code, result["verdict"], result["libc"], result["machine"]) == (0, "reachable", "glibc", "x86_64")
    assert result["objects"][0] == str(dynamic)
    assert result["imports"] == {"fstat": [str(dynamic)], "stat": [str(dynamic)]}
    assert result["uncovered"] == []
    assert result["findings"] == []


def test_a_program_of_musl(audit, musl):
    code, result = audit(musl)
    assert (code, result["verdict"], result["libc"]) == (0, "reachable", "musl")
    assert result["objects"] == [str(musl), "/lib/ld-musl-x86_64.so.1"]
    assert set(result["imports"]) == {"fstat", "stat"}


@pytest.mark.parametrize(
    ("compiler", "flag"),
    [("gcc", "-static"), ("gcc", "-static-pie"), ("musl-gcc", "-static")],
)
def test_a_static_program(audit, folder, compiler, flag):
    require("cc", "musl-gcc")
    code, result = audit(compiled(folder / "static", flag, compiler=compiler))
    assert (code, result["verdict"], result["libc"]) == (1, "unreachable", "none")
    assert ids(result) == {"static"}


@pytest.mark.parametrize("flags", [[], ["-ldflags=-s -w -buildid="]])
def test_a_go_program(audit, go_program, flags):
    """By its note, and without one by its sections."""
    code, result = audit(go_program("go-static", *flags))
    assert (code, result["verdict"]) == (1, "unreachable")
    assert ids(result) == {"go"}


def test_a_go_program_without_section_headers(audit, go_program, folder):
    content = bytearray(go_program("go-static").read_bytes())
    content[40:48] = bytes(8)  # e_shoff
    path = folder / "go"
    path.write_bytes(content)
    assert ids(audit(path)[1]) == {"go"}


@pytest.mark.parametrize("flags", [[], ["-ldflags=-s -w -buildid="]])
def test_a_go_program_with_a_loader(audit, go_program, flags):
    """It has libc in its closure, and does not ask it."""
    require("cc")
    source = 'package main\n\nimport "C"\nimport "os"\n\nfunc main() { os.Stat("/") }\n'
    code, result = audit(go_program("go-dynamic", *flags, source=source))
    assert (code, result["verdict"], result["libc"]) == (1, "unreachable", "glibc")
    assert ids(result, "error") == {"go"}


def test_a_library_with_go_code(audit, go_program, folder):
    require("cc")
    source = 'package main\n\nimport "C"\n\n//export Hello\nfunc Hello() {}\n\nfunc main() {}\n'
    made = go_program("libhello.so", "-buildmode=c-shared", source=source)
    program = compiled(folder / "program", "-Wl,--no-as-needed", made)
    code, result = audit(program)
    assert (code, result["verdict"]) == (1, "partly")
    assert ids(result, "warning") == {"go-library"}


@pytest.mark.parametrize(("bit", "found"), [(0o4000, "setuid"), (0o2000, "setgid")])
def test_a_privileged_copy(audit, dynamic, folder, bit, found):
    copy = folder / "copy"
    shutil.copy(dynamic, copy)
    copy.chmod(0o755 | bit)
    code, result = audit(copy)
    assert (code, result["verdict"]) == (1, "unreachable")
    assert ids(result) == {found}
    assert "AT_SECURE" in result["findings"][0]["reason"]


def test_setgid_without_group_execution_is_no_privilege(audit, dynamic, folder):
    copy = folder / "copy"
    shutil.copy(dynamic, copy)
    copy.chmod(0o2745)
    assert audit(copy)[0] == 0


def test_a_copy_with_file_capabilities(audit, dynamic, folder):
    require("root", "setcap")
    copy = folder / "copy"
    shutil.copy(dynamic, copy)
    give_capabilities(copy)
    code, result = audit(copy)
    assert (code, result["verdict"]) == (1, "unreachable")
    assert ids(result) == {"capabilities"}


def test_a_32_bit_program(audit, i686):
    code, result = audit(i686)
    assert (code, result["verdict"], result["machine"]) == (1, "unreachable", "i686")
    (finding,) = [f for f in result["findings"] if f["id"] == "wrong-machine"]
    assert "it is for i686" in finding["reason"]
    assert "_i686.whl" in finding["remedy"]


def test_a_foreign_program_in_an_image(audit, aarch64_image):
    code, result = audit("/usr/sbin/server", "--root", aarch64_image.top)
    assert (code, result["verdict"]) == (0, "reachable")
    assert (result["machine"], result["libc"]) == ("aarch64", "glibc")
    assert result["objects"] == [
        "/usr/sbin/server",
        "/lib/aarch64-linux-gnu/libc.so.6",
        "/lib/ld-linux-aarch64.so.1",
    ]
    assert result["imports"] == {"fstat": ["/usr/sbin/server"], "stat": ["/usr/sbin/server"]}
    (finding,) = result["findings"]
    assert (finding["id"], finding["severity"]) == ("foreign-machine", "info")
    assert "_aarch64.whl" in finding["remedy"]


def test_a_program_and_its_own_machines_shim(audit, aarch64_image, aarch64_shim):
    """One that somebody built himself."""
    code, result = audit("/usr/sbin/server", "--root", aarch64_image.top, "--shim", aarch64_shim)
    assert (code, result["verdict"], result["findings"]) == (0, "reachable", [])


def test_another_machines_shim(audit, dynamic, aarch64_shim):
    code, result = audit(dynamic, "--shim", aarch64_shim)
    assert (code, result["verdict"]) == (1, "unreachable")
    (finding,) = [f for f in result["findings"] if f["severity"] == "error"]
    assert finding["id"] == "wrong-machine"
    assert "_x86_64.whl" in finding["remedy"]


def test_an_image_for_a_machine_that_has_a_wheel(dynamic, image, aarch64_shim, monkeypatch):
    """Where the shim at hand is for another: the wheel is named."""
    shutil.copy(dynamic, image / "/usr/bin/program")
    monkeypatch.setattr(engine, "shim_path", lambda: aarch64_shim)
    result = engine.audit("/usr/bin/program", root=image.top)
    assert result.verdict.value == "reachable"
    (finding,) = [f for f in result.findings if f.id == "foreign-machine"]
    assert finding.severity.value == "info"
    assert "_x86_64.whl" in str(finding.remedy)


def test_a_machine_without_a_shim(audit, dynamic, folder):
    copy = folder / "sparc"
    content = bytearray(dynamic.read_bytes())
    content[18:20] = (43).to_bytes(2, "little")
    copy.write_bytes(content)
    code, result = audit(copy)
    assert (code, ids(result, "error")) == (1, {"no-shim"})


def test_a_script_is_judged_by_what_runs_it(audit, folder, dynamic, static):
    script = folder / "script"
    script.write_text(f"#!{dynamic} -x\n")
    code, result = audit(script)
    assert (code, result["verdict"], result["path"]) == (0, "reachable", str(script))
    assert result["objects"][0] == str(dynamic)
    (finding,) = result["findings"]
    assert finding["id"] == "script"
    assert str(dynamic) in finding["reason"]
    script.write_text(f"#! {static}\n")
    code, result = audit(script)
    assert (code, ids(result)) == (1, {"script", "static"})


def test_a_script_by_way_of_env(audit, folder, dynamic):
    script = folder / "script"
    script.write_text("#!/usr/bin/env -S LANG=C dynamic -x\n")
    code, result = audit(script, env={"PATH": f"{dynamic.parent}:/usr/bin:/bin"})
    assert (code, result["objects"][0]) == (0, str(dynamic))


def test_scripts_that_run_each_other_end(audit, folder):
    first, second = folder / "first", folder / "second"
    first.write_text(f"#!{second}\n")
    second.write_text(f"#!{first}\n")
    code, result = audit(first)
    assert (code, result["verdict"]) == (1, "unreachable")


def test_a_script_without_its_interpreter(audit, folder):
    script = folder / "script"
    script.write_text("#!/no/such/shell\n")
    code, result = audit(script)
    assert (code, ids(result, "error")) == (1, {"script-broken"})


@pytest.mark.parametrize("content", [b"", b"\x7f", b"hello\n", b"#!\n", b"MZ" + bytes(200)])
def test_a_file_that_is_no_program(audit, folder, content):
    path = folder / "file"
    path.write_bytes(content)
    code, result = audit(path)
    assert (code, result["verdict"], result["machine"]) == (1, "unreachable", "unknown")
    assert ids(result) == {"not-elf"}


def test_a_library_is_no_program(audit, folder):
    code, result = audit(library(folder / "libx.so"))
    assert (code, ids(result)) == (1, {"not-a-program"})


def test_a_truncated_program(audit, dynamic, folder):
    path = folder / "cut"
    path.write_bytes(dynamic.read_bytes()[:3000])
    code, result = audit(path)
    assert (code, result["verdict"]) == (1, "unreachable")
    assert ids(result) == {"damaged"}


def test_a_loader_that_is_not_there(audit, folder):
    program = compiled(folder / "program", "-Wl,--dynamic-linker=/no/such/ld.so")
    code, result = audit(program)
    assert (code, ids(result, "error")) == (1, {"loader-missing"})


def test_an_unknown_loader(audit, folder):
    program = compiled(folder / "program", f"-Wl,--dynamic-linker={shutil.which('true')}")
    code, result = audit(program)
    assert (code, result["verdict"], result["libc"]) == (1, "partly", "unknown")
    assert ids(result, "warning") == {"unknown-loader"}


def test_names_are_looked_up(audit):
    code, result = audit("env")
    assert (code, result["path"]) == (0, "env")
    assert Path(result["objects"][0]).name == "env"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("/no/such/program", "does not exist"),
        ("/usr/bin", "no regular file"),
        ("/dev/zero", "no regular file"),
    ],
)
def test_wrong_paths_end_in_2(program, said):
    outcome = nlinkshim("audit", program)
    assert outcome.code == 2
    assert said in outcome.err
    assert one_clear_line(outcome)


def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe")
    outcome = nlinkshim("audit", folder / "pipe", timeout=10)
    assert outcome.code == 2
    assert one_clear_line(outcome)


@pytest.mark.parametrize("arguments", [["--root", "/no/such/root"], ["--root", "/etc/passwd"]])
def test_a_root_that_is_none(arguments):
    outcome = nlinkshim("audit", *arguments, "/usr/bin/env")
    assert outcome.code == 2
    assert one_clear_line(outcome)


@pytest.mark.parametrize("content", [b"", b"no shim", None])
def test_a_shim_that_is_none_ends_in_4(dynamic, folder, content):
    path = folder / "shim.so"
    if content is not None:
        path.write_bytes(content)
    outcome = nlinkshim("audit", "--shim", path, dynamic)
    assert outcome.code == 4
    assert one_clear_line(outcome)


def test_another_library_is_no_shim(dynamic, folder):
    outcome = nlinkshim("audit", "--shim", library(folder / "other.so"), dynamic)
    assert outcome.code == 4
    assert "nlinkshim_state" in outcome.err


def test_the_worst_of_several_decides(dynamic, static):
    outcome = nlinkshim("audit", "--format", "json", dynamic, static)
    assert outcome.code == 1
    assert [p["verdict"] for p in outcome.document["programs"]] == ["reachable", "unreachable"]


def test_text(dynamic, static, folder):
    outcome = nlinkshim("audit", dynamic, static)
    assert f"{dynamic}: reachable" in outcome.out
    assert "x86_64, glibc, 2 libraries\n" in outcome.out
    assert f"{static}: unreachable" in outcome.out
    assert "remedy: take a dynamically linked build" in outcome.out
    odd = folder / "a\nb\udcff"
    shutil.copy(dynamic, odd)
    assert f"{folder}/a\\nb\\xff: reachable" in nlinkshim("audit", odd).out

"""What stands in the way of a preload, one by one; and what the shim covers."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.cli import nlinkshim
from harness.programs import STATTING, compiled, ids, library
from harness.table import ENTRY_POINTS

from nlinkshim.elf.file import ElfFile
from nlinkshim.elf.machines import MACHINES, canonical, machine_of
from nlinkshim.engines.audit import audit as engine
from nlinkshim.engines.audit.closure import stat_imports
from nlinkshim.engines.audit.loader import Loaded
from nlinkshim.engines.audit.result import Finding, Severity, Verdict
from nlinkshim.engines.audit.rules import gravest_first, judge
from nlinkshim.errors import ExitCode
from nlinkshim.shim.coverage import read_shim

KEEP = "-Wl,--no-as-needed"
OTHER_LIBCS = [
    "__stat64_time64",
    "__lstat64_time64",
    "__fstat64_time64",
    "__fstatat64_time64",
    "__stat_time64",
    "__fstatat_time64",
    "__fts64_read_time64",
    "__nftw64_time64",
]
NO_ENTRY_POINTS = [
    "fstatfs",
    "statvfs64",
    "fstatvfs",
    "sys_stat",
    "vfs_stat",
    "fts_open",
    "fts_close",
    "statmount",
    "k5_buf_status",
    "stat_cache",
    "nftw_callback",
]


def found(*severities: Severity) -> list[Finding]:
    return [Finding("x", severity, "/x", "it is so") for severity in severities]


@pytest.mark.parametrize(
    ("severities", "verdict", "code"),
    [
        ([], Verdict.REACHABLE, ExitCode.WELL),
        ([Severity.INFO], Verdict.REACHABLE, ExitCode.WELL),
        ([Severity.INFO, Severity.WARNING], Verdict.PARTLY, ExitCode.WRONG),
        ([Severity.WARNING, Severity.ERROR, Severity.INFO], Verdict.UNREACHABLE, ExitCode.WRONG),
    ],
)
def test_the_gravest_decides(severities, verdict, code):
    assert judge(found(*severities)) is verdict
    assert verdict.exit_code is code
    assert [f.severity for f in gravest_first(found(*severities))] == sorted(
        severities, key=list(Severity).index
    )


def imported(*names: str) -> set[str]:
    elf = ElfFile(MACHINES[0], "ET_DYN", imports=frozenset(names))
    return set(stat_imports([Loaded("/x", elf)]))


@pytest.mark.parametrize("name", [entry.name for entry in ENTRY_POINTS] + OTHER_LIBCS)
def test_entry_points_are_known(name):
    assert imported(name) == {name}


@pytest.mark.parametrize("name", NO_ENTRY_POINTS)
def test_others_are_not_taken_for_entry_points(name):
    assert imported(name) == set()


def test_coverage_is_the_table(shim):
    assert read_shim(shim.path).covers == {entry.name for entry in ENTRY_POINTS}


def test_machines_have_names_of_their_own():
    assert len({machine.name for machine in MACHINES}) == len(MACHINES)
    for machine in MACHINES:
        assert machine_of(machine.number, machine.bits, machine.order) is machine
    assert [canonical(name) for name in ("amd64", "ARM64", "aarch64", "vax")] == [
        "x86_64",
        "aarch64",
        "aarch64",
        "vax",
    ]


@pytest.fixture
def small_shim(folder):
    """One that covers stat alone."""
    require("cc")
    return library(folder / "small.so", source="int nlinkshim_state, stat;")


def test_what_the_shim_lacks(audit, dynamic, small_shim):
    code, result = audit(dynamic, "--shim", small_shim)
    assert (code, result["verdict"], result["uncovered"]) == (1, "partly", ["fstat"])
    assert ids(result) == {"uncovered"}
    assert "not covered" in nlinkshim("audit", "--shim", small_shim, dynamic).out


def test_what_a_foreign_shim_may_have(image, aarch64_shim, monkeypatch):
    """Only that machine's shim can tell."""
    definition = "int __stat64_time64(void) { return 0; }\n"
    source = "int __stat64_time64(void);\nint main(void) { return __stat64_time64(); }\n"
    made = image / "/usr/lib/libx.so"
    compiled(made, "-shared", "-fPIC", "-Wl,-soname,libx.so", source=definition)
    compiled(image / "/usr/bin/other", made, source=source)
    monkeypatch.setattr(engine, "shim_path", lambda: aarch64_shim)
    result = engine.audit("/usr/bin/other", root=image.top)
    assert (result.verdict.exit_code, result.uncovered) == (0, ["__stat64_time64"])
    assert {finding.id for finding in result.findings} == {"foreign-machine", "coverage-unknown"}


def test_a_program_that_defines_stat_for_all(audit, folder):
    """The loader looks into the program first, and only then into preloads."""
    require("cc")
    exported = STATTING + "int lstat(const char *p, struct stat *s) { return stat(p, s); }\n"
    code, result = audit(compiled(folder / "program", source=exported))
    assert (code, ids(result)) == (1, {"defined-by-program"})
    assert "lstat" in result["findings"][0]["reason"]
    hidden = exported.replace("int lstat", '__attribute__((visibility("hidden"))) int lstat')
    assert audit(compiled(folder / "program", source=hidden))[0] == 0


@pytest.mark.parametrize(
    ("function", "found_id", "severity"),
    [("syscall", "syscall", "info"), ("dlopen", "dlopen", "info"), ("dlmopen", "dlmopen", "warning")],
)
def test_ways_past_the_shim(audit, folder, function, found_id, severity):
    require("cc")
    source = STATTING + f"int {function}();\nint (*keep)() = {function};\n"
    program = compiled(folder / "program", "-Wno-builtin-declaration-mismatch", source=source)
    code, result = audit(program)
    assert ids(result, severity) == {found_id}
    assert (code, result["verdict"]) == ((0, "reachable") if severity == "info" else (1, "partly"))


@pytest.mark.parametrize(
    ("name", "function", "found_id"),
    [("liburing.so.2", "io_uring_queue_init", "io-uring"), ("libseccomp.so.2", "seccomp_load", "seccomp")],
)
def test_libraries_that_tell(audit, folder, name, function, found_id):
    require("cc")
    made = library(folder / name, f"-Wl,-soname,{name}", source=f"int {function}(void) {{ return 0; }}")
    source = STATTING + f"int {function}(void);\nint (*keep)(void) = {function};\n"
    code, result = audit(compiled(folder / "program", made, f"-Wl,-rpath,{folder}", source=source))
    assert (code, ids(result)) == (0, {found_id})


def test_a_program_that_asks_for_no_count(audit, folder):
    require("cc")
    program = compiled(folder / "program", source="int main(void) { return 0; }")
    code, result = audit(program)
    assert (code, ids(result), result["imports"]) == (0, {"no-entry-points"}, {})


SANITIZED = """
#include <stdio.h>
#include <sys/stat.h>
int main(int count, char **words)
{
    struct stat status;
    if (count < 2 || stat(words[1], &status) != 0)
        return 1;
    printf("%lu\\n", (unsigned long)status.st_nlink);
    return 0;
}
"""


@pytest.mark.parametrize(
    ("flags", "variables", "said", "told"),
    [
        (["address"], {}, ("unreachable", {"asan": "error"}), ""),
        (["address"], {"ASAN_OPTIONS": "verify_asan_link_order=0"}, ("reachable", {"asan": "info"}), "2"),
        (["address", "-static-libasan"], {}, ("reachable", {"defined-by-program": "info"}), "2"),
        (["thread"], {}, ("reachable", {}), "2"),
        (["thread", "-static-libtsan"], {}, ("reachable", {"defined-by-program": "info"}), "2"),
    ],
)
def test_a_program_with_a_sanitizer(folder, lying_mount, shim, flags, variables, said, told, monkeypatch):
    """What the audit says of it, and what it does under the shim."""
    program = compiled(folder / "program", f"-fsanitize={flags[0]}", *flags[1:], source=SANITIZED)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = engine.audit(program)
    noted = {f.id: f.severity.value for f in result.findings if f.id in ("asan", "defined-by-program")}
    assert (result.verdict.value, noted) == said
    done = processes.run([str(program), str(lying_mount.path)], env=shim(**variables), check=False)
    assert done.stdout.strip() == told, done.stderr


def test_asans_runtime_preloaded_first(folder, lying_mount, shim, monkeypatch):
    program = compiled(folder / "program", "-fsanitize=address", source=SANITIZED)
    (runtime,) = [finding.object for finding in engine.audit(program).grave]
    done = processes.run([str(program), str(lying_mount.path)], env=shim(before=Path(runtime)))
    assert done.stdout.strip() == "2"
    monkeypatch.setenv("LD_PRELOAD", runtime)
    assert engine.audit(program).verdict is Verdict.REACHABLE

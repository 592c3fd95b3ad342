"""The program that it is all about, and the other one that opens plug-ins."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.preload import bare
from harness.programs import Image, compiled, ids, library, mapped

SMBD = "/usr/sbin/smbd"
GLIBC = "/lib64/ld-linux-x86-64.so.2"
KEEP = "-Wl,--no-as-needed"


@pytest.fixture
def smbd(audit):
    require("smbd")
    return audit(SMBD)


def test_it_is_reachable(smbd):
    code, result = smbd
    assert (code, result["verdict"], result["libc"], result["uncovered"]) == (0, "reachable", "glibc", [])
    assert ids(result, "error", "warning") == set()


def test_its_entry_points_and_who_imports_them(smbd):
    imports = {name: {Path(path).name for path in paths} for name, paths in smbd[1]["imports"].items()}
    assert "smbd" in imports["fstat"]
    for name in ("stat", "lstat", "fstat", "fstatat"):
        assert "libsmbconf.so.0" in imports[name]


def test_users_of_syscall_are_information(smbd):
    found = [finding for finding in smbd[1]["findings"] if finding["id"] == "syscall"]
    imports = processes.run(["nm", "-D", "-u", "-A", *smbd[1]["objects"]]).stdout.splitlines()
    importing = {line.partition(":")[0] for line in imports if " syscall@" in line}
    assert importing and {finding["object"] for finding in found} == importing
    assert {finding["severity"] for finding in found} == {"info"}


def test_its_modules_are_looked_at(smbd):
    modules = {path for path in smbd[1]["objects"] if "/samba/vfs/" in path}
    folder = Path("/usr/lib/x86_64-linux-gnu/samba/vfs")
    assert {Path(path).name for path in modules} == {path.name for path in folder.glob("*.so")}
    assert [path for path in modules if path in smbd[1]["imports"]["stat"]]


def test_its_libraries_are_those_that_the_loader_maps(smbd):
    real = mapped(GLIBC, SMBD)
    assert len(real) > 100
    assert smbd[1]["objects"][1 : 1 + len(real)] == sorted(real, key=smbd[1]["objects"].index)
    assert set(real) <= set(smbd[1]["objects"])


def test_imports_are_those_that_nm_sees(smbd):
    require("readelf")
    names = set(smbd[1]["imports"])
    for path in smbd[1]["objects"]:
        listed = processes.run(["nm", "-D", "--undefined-only", path]).stdout.split()
        undefined = {word.partition("@")[0] for word in listed}
        assert undefined & names == {name for name in names if path in smbd[1]["imports"][name]}, path


def test_it_takes_less_than_a_second():
    """Python's own start included; the best of five, as others use the machine."""
    require("smbd")
    command = [sys.executable, "-m", "nlinkshim", "audit", SMBD]
    times = []
    for _ in range(5):
        begin = time.monotonic()
        subprocess.run(command, env=bare(), check=True, capture_output=True)
        times.append(time.monotonic() - begin)
    assert min(times) < 1.0, times


def test_inside_an_image(audit, smbd, folder):
    """The same libraries copied into a root file system, entered by --root only."""
    image = Image(folder / "image")
    for path in [*smbd[1]["objects"], GLIBC, "/etc/ld.so.conf"]:
        image.copy(path)
    for path in Path("/etc/ld.so.conf.d").iterdir():
        image.copy(path)
    code, result = audit(SMBD, "--root", image.top)
    assert code == 0
    assert {Path(path).name for path in result["objects"]} == {Path(path).name for path in smbd[1]["objects"]}
    assert result["imports"].keys() == smbd[1]["imports"].keys()


def test_a_library_that_smbd_lacks(audit, smbd, folder):
    """A module without its library is none of smbd's; smbd without one is not known whole."""
    image = Image(folder / "image")
    for path in [*smbd[1]["objects"], GLIBC]:
        image.copy(path)
    (image / "/lib/x86_64-linux-gnu/liburing.so.2").unlink(missing_ok=True)
    code, result = audit(SMBD, "--root", image.top)
    missing = [
        f for f in result["findings"] if "liburing.so.2" in f["reason"] and f["id"] == "missing-library"
    ]
    assert (code, [finding["severity"] for finding in missing]) == (0, ["info"])
    (image / "/lib/x86_64-linux-gnu/libtevent.so.0").unlink()
    code, result = audit(SMBD, "--root", image.top)
    assert (code, result["verdict"], ids(result, "warning")) == (1, "partly", {"missing-library"})


@pytest.fixture
def ganesha(folder: Path) -> Path:
    """NFS-Ganesha's shape: a program, its library, and an FSAL that the library opens by itself."""
    require("cc")
    (folder / "lib/ganesha").mkdir(parents=True)
    made = library(folder / "lib/libganesha_nfsd.so.4.3")
    stats = '#include <sys/stat.h>\nint look(void) { struct stat s; return stat("/", &s); }\n'
    library(folder / "lib/ganesha/libfsalvfs.so", source=stats)
    library(folder / "lib/ganesha/unrelated.so")
    return compiled(folder / "ganesha.nfsd", KEEP, made, source="int main(void) { return 0; }")


def test_deep_binding(audit, ganesha):
    code, result = audit(ganesha)
    assert (code, result["verdict"], ids(result, "warning")) == (1, "partly", {"deepbind"})
    (finding,) = [finding for finding in result["findings"] if finding["id"] == "deepbind"]
    assert "libfsalvfs.so" in finding["reason"]
    assert "unrelated" not in str(result)
    assert result["imports"] == {"stat": [str(ganesha.parent / "lib/ganesha/libfsalvfs.so")]}


def test_musl_knows_no_deep_binding(audit, ganesha):
    require("musl-gcc")
    (plain,) = (ganesha.parent / "lib").glob("libganesha*")
    library(plain, "-nostdlib")
    shutil.rmtree(ganesha.parent / "lib/ganesha")
    program = compiled(ganesha, KEEP, plain, compiler="musl-gcc")
    code, result = audit(program)
    assert (code, ids(result)) == (0, set())

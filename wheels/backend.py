"""The build backend: setuptools, which is told here how the two native parts are made.

- the walker, a cffi extension in API mode for the stable ABI; its C is generated from walker.h at build time
- the shim, a shared object that depends on nothing: no libc, no Python. Flags from outside (CFLAGS, the
  interpreter's own) would take that property away, so only the compiler ($CC) is the user's choice.

Warnings are no errors here: the next compiler has new ones, and its user cannot mend them. In lint-native.sh
they are.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cffi import FFI
from setuptools import Extension, build_meta
from setuptools.build_meta import prepare_metadata_for_build_editable  # noqa: F401  a hook of PEP 660
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent.parent
SHIM_SOURCES = ROOT / "csrc/shim"
WALKER_SOURCES = ROOT / "csrc/walker"

WALKER = "nlinkshim._walker"
SHIM = "nlinkshim.libnlinkshim"

WARNINGS = ("-Wall", "-Wextra")

SHIM_FLAGS = (
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    # nothing of libc's may be called behind our back
    "-ffreestanding",
    "-fno-builtin",
    "-fno-stack-protector",
    # right before relocation: no table of pointers, and imports by a GOT slot that can be tested for NULL
    "-fno-plt",
    "-fno-jump-tables",
    # the caller's structures are read by offset
    "-fno-strict-aliasing",
    *WARNINGS,
)

SHIM_LINK_FLAGS = (
    "-shared",
    "-nostdlib",
    "-nostartfiles",
    "-Wl,-soname,libnlinkshim.so",
    "-Wl,-z,now,-z,relro,-z,noexecstack,-z,text,-z,defs",
    "-Wl,--hash-style=gnu",
    "-Wl,--build-id=sha1",
)

# Given where the compiler takes them: gcc's names of what clang's -fno-builtin and -fno-jump-tables include;
# no filler to run through before a loop of a few rounds; the same bytes wherever it is built; the mark
# without which a shim would switch CET off in its process.
PROBED_FLAGS = (
    "-fno-tree-loop-distribute-patterns",
    "-fno-tree-switch-conversion",
    "-fno-align-loops",
    f"-ffile-prefix-map={ROOT}=.",
    "-fcf-protection=full",
)

# What the two parts include that comes in packages of their own, as Debian names them.
HEADERS = {"sys/stat.h": "libc6-dev", "linux/stat.h": "linux-libc-dev", "Python.h": "python3-dev"}


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


def require_toolchain() -> None:
    """Raises SystemExit, with one line for the user: the compiler or a header is missing."""
    if not os.environ.get("CC", "").strip():
        os.environ.pop("CC", None)  # setuptools would take a blank one for a command
    include = f"-I{sysconfig.get_path('include')}"
    # quoted, since `linux` is a macro
    text = "".join(f'#if !__has_include(<{name}>)\nmissing "{name}"\n#endif\n' for name in HEADERS)
    command = [*compiler(), include, "-E", "-x", "c", "-"]
    found = subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout
    missing = [name for name in HEADERS if f'missing "{name}"' in found]
    if missing:
        packages = " ".join(HEADERS[name] for name in missing)
        raise SystemExit(
            f"nlinkshim: to build it here C headers are missing: {', '.join(missing)}"
            f" (Debian: apt-get install {packages})"
        )


def run(command: list[str]) -> None:
    """Raises CompileError, which setuptools shows as one line below what the compiler said."""
    code = subprocess.run(command, check=False).returncode
    if code != 0:
        raise CompileError(f"{shlex.join(command)} ended with {code}")


def taken(cc: list[str], flags: Iterable[str], folder: Path) -> list[str]:
    """Those of `flags` that the compiler takes without a word; it writes into `folder`."""
    source = ["-x", "c", "-c", os.devnull, "-o", str(folder / "probe.o")]
    return [
        flag
        for flag in flags
        if subprocess.run([*cc, "-Werror", flag, *source], capture_output=True, check=False).returncode == 0
    ]


def build_shim(output: Path, objects: Path, version: str, extra: tuple[str, ...] = ()) -> None:
    """Compile the shim to `output`, with its objects in the folder `objects`.

    The layout of the target's structures is asserted on the way. `extra` are further compiler flags.
    """
    cc = compiler()
    objects.mkdir(parents=True, exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    define = f'-DNLINKSHIM_VERSION="{version}"'
    flags = [*SHIM_FLAGS, *taken(cc, PROBED_FLAGS, objects), define, *extra]
    linked = []
    for source in sorted(SHIM_SOURCES.glob("*.c")):
        target = objects / f"{source.stem}.o"
        run([*cc, *flags, "-c", str(source), "-o", str(target)])
        if source.stem != "layout_check":
            linked.append(str(target))
    run([*cc, *SHIM_LINK_FLAGS, *linked, "-o", str(output)])


class BuildExt(build_ext):
    """build_ext, with a recipe of its own for each of our extensions."""

    def get_ext_filename(self, fullname: str) -> str:
        if fullname.endswith(SHIM.rpartition(".")[2]):
            return str(Path(*fullname.split(".")).with_suffix(".so"))
        return str(super().get_ext_filename(fullname))  # type: ignore[no-untyped-call]

    def build_extension(self, ext: Extension) -> None:
        if ext.name == SHIM:
            output = Path(self.get_ext_fullpath(ext.name)).absolute()
            objects = Path(self.build_temp).absolute() / "shim"
            build_shim(output, objects, self.distribution.get_version())
            return
        ffi = FFI()
        header = WALKER_SOURCES / "walker.h"
        ffi.cdef(header.read_text(encoding="utf-8"))
        ffi.set_source(ext.name, '#include <stdint.h>\n#include "walker.h"')
        generated = Path(self.build_temp) / "_walker.c"
        generated.parent.mkdir(parents=True, exist_ok=True)
        ffi.emit_c_code(str(generated))
        ext.sources = [*sorted(str(source) for source in WALKER_SOURCES.glob("*.c")), str(generated)]
        ext.depends = [str(header)]
        ext.include_dirs = [str(WALKER_SOURCES)]
        ext.extra_compile_args = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-pthread", *WARNINGS]
        ext.extra_link_args = ["-pthread"]
        super().build_extension(ext)


@contextlib.contextmanager
def _writable_tree() -> Iterator[None]:
    """setuptools writes beside pyproject.toml. Where it cannot (a read-only bind mount in an image build), a
    copy of the tree becomes the working folder."""
    if os.access(ROOT, os.W_OK):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="nlinkshim-") as folder:
        copy = Path(folder, "source")
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info"))
        for path in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
            path.chmod(0o755)
        before = Path.cwd()
        os.chdir(copy)
        try:
            yield
        finally:
            os.chdir(before)


Config = Mapping[str, Any] | None


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Config = None) -> str:
    with _writable_tree():
        return build_meta.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_sdist(sdist_directory: str, config_settings: Config = None) -> str:
    with _writable_tree():
        return build_meta.build_sdist(sdist_directory, config_settings)


def build_wheel(
    wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None
) -> str:
    require_toolchain()
    with _writable_tree():
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None
) -> str:
    require_toolchain()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def get_requires_for_build_wheel(config_settings: Config = None) -> list[str]:
    """What pyproject.toml names is all. (setuptools would write into the tree to find that out.)"""
    return []


get_requires_for_build_sdist = get_requires_for_build_editable = get_requires_for_build_wheel

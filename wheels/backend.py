"""The build backend: setuptools, which is told here how the two native parts are made.

- the walker, a cffi extension in API mode for the stable ABI; its C is generated from walker.h at build time
- the shim, a shared object that depends on nothing: no libc, no Python. Flags from outside (CFLAGS, the
  interpreter's own) would take that property away, so only the compiler ($CC) is the user's choice.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path

from cffi import FFI
from setuptools import Extension
from setuptools.build_meta import *  # noqa: F403  the hooks of PEP 517 and PEP 660
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.parent
SHIM_SOURCES = ROOT / "csrc/shim"
WALKER_SOURCES = ROOT / "csrc/walker"

WALKER = "nlinkshim._walker"
SHIM = "nlinkshim.libnlinkshim"

WARNINGS = ("-Wall", "-Wextra", "-Werror")

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
    "-fno-tree-loop-distribute-patterns",
    # right before relocation: no table of pointers, and imports by a GOT slot that can be tested for NULL
    "-fno-plt",
    "-fno-jump-tables",
    "-fno-tree-switch-conversion",
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

# Without the mark of its instructions the shim would switch CET off in the process it is loaded into.
MACHINE_FLAGS = {"x86_64": ("-fcf-protection=full",)}


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def target_machine(cc: list[str]) -> str:
    triplet = subprocess.run([*cc, "-dumpmachine"], check=True, capture_output=True, text=True).stdout
    return triplet.split("-")[0]


def build_shim(output: Path, objects: Path, version: str, extra: tuple[str, ...] = ()) -> None:
    """Compile the shim to `output`, with its objects in the folder `objects`.

    The layout of the target's structures is asserted on the way. `extra` are further compiler flags.
    """
    cc = compiler()
    define = f'-DNLINKSHIM_VERSION="{version}"'
    flags = [*SHIM_FLAGS, *MACHINE_FLAGS.get(target_machine(cc), ()), define, *extra]
    objects.mkdir(parents=True, exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    linked = []
    for source in sorted(SHIM_SOURCES.glob("*.c")):
        target = objects / f"{source.stem}.o"
        # prefix maps: the same source gives the same bytes wherever it is built
        where = f"-ffile-prefix-map={ROOT}=."
        subprocess.run([*cc, *flags, where, "-c", str(source), "-o", str(target)], check=True)
        if source.stem != "layout_check":
            linked.append(str(target))
    subprocess.run([*cc, *SHIM_LINK_FLAGS, *linked, "-o", str(output)], check=True)


class BuildExt(build_ext):
    """build_ext, with a recipe of its own for each of our extensions."""

    def get_ext_filename(self, fullname: str) -> str:
        if fullname.endswith(SHIM.rpartition(".")[2]):
            return str(Path(*fullname.split(".")).with_suffix(".so"))
        return super().get_ext_filename(fullname)

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

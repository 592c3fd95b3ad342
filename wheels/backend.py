"""The build backend: setuptools, which is told here how the two native parts are made.

- the walker, a cffi extension in API mode for the stable ABI; its C is generated from walker.h at build time
- the shim, a shared object that depends on nothing: no libc, no Python

native.py compiles them, for the machine that $CC compiles for. Warnings are no errors: the next compiler has
new ones, and its user cannot mend them. In lint-native.sh they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cffi import FFI
from native import HEADERS, ROOT, WALKER_SOURCES, build_shim, build_walker, compiler
from setuptools import Extension, build_meta
from setuptools.build_meta import prepare_metadata_for_build_editable  # noqa: F401  a hook of PEP 660
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

WALKER = "nlinkshim._walker"
SHIM = "nlinkshim.libnlinkshim"


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


class BuildExt(build_ext):
    """build_ext, with a recipe of its own for each of our extensions."""

    def get_ext_filename(self, fullname: str) -> str:
        if fullname.endswith(SHIM.rpartition(".")[2]):
            return str(Path(*fullname.split(".")).with_suffix(".so"))
        return str(super().get_ext_filename(fullname))  # type: ignore[no-untyped-call]

    def build_extension(self, ext: Extension) -> None:
        output = Path(self.get_ext_fullpath(ext.name)).absolute()
        temporary = Path(self.build_temp).absolute()
        if ext.name == SHIM:
            build_shim(output, temporary / "shim", self.distribution.get_version())
            if os.environ.get("NLINKSHIM_RELEASE") == "1":  # for nlinkshim path --verify
                digest = hashlib.sha256(output.read_bytes()).hexdigest()
                Path(f"{output}.sha256").write_text(f"{digest}\n", encoding="ascii")
            return
        ffi = FFI()
        ffi.cdef((WALKER_SOURCES / "walker.h").read_text(encoding="utf-8"))
        ffi.set_source(ext.name, '#include <stdint.h>\n#include "walker.h"')
        generated = temporary / "_walker.c"
        generated.parent.mkdir(parents=True, exist_ok=True)
        ffi.emit_c_code(str(generated))
        build_walker(output, temporary / "walker", generated)


class BdistWheel(bdist_wheel):
    """bdist_wheel; free-threaded Pythons (3.13, 3.14) have no stable ABI, so each gets a wheel of its own."""

    def finalize_options(self) -> None:
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            self.py_limited_api = False
        super().finalize_options()


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

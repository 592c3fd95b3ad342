"""Programs and root file systems to be audited, made by real compilers, and a real loader's word on them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from harness import processes

STATTING = """
#include <stdio.h>
#include <sys/stat.h>
int main(int count, char **words)
{
    struct stat by_name, by_descriptor;
    if (stat(words[0], &by_name) != 0 || fstat(0, &by_descriptor) != 0)
        return 1;
    printf("%d %lu\\n", count, (unsigned long)by_name.st_nlink);
    return 0;
}
"""
GO_STATTING = 'package main\n\nimport "os"\n\nfunc main() { os.Stat("/") }\n'


def compiled(
    output: Path, *flags: object, source: str = STATTING, compiler: str = "gcc", cwd: Path | None = None
) -> Path:
    """`source` as C, built by `compiler` with `flags` behind it."""
    text = output.with_suffix(".c")
    text.write_text(source)
    command = [compiler, str(text), "-o", str(output), *map(str, flags)]
    processes.run(command, cwd=cwd, timeout=60)
    text.unlink()
    return output


def library(output: Path, *flags: object, source: str = "") -> Path:
    return compiled(output, "-shared", "-fPIC", *flags, source=source or "int nothing_else;")


def ids(result: dict[str, Any], *severities: str) -> set[str]:
    """The ids of findings; of these severities, if any are given."""
    return {f["id"] for f in result["findings"] if not severities or f["severity"] in severities}


class Image:
    """A root file system with a C library, to put programs into."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def __truediv__(self, path: str) -> Path:
        """A place inside, its folder made."""
        place = self.top / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def copy(self, source: Path | str, path: str | None = None) -> Path:
        place = self / (path or str(source))
        shutil.copy(source, place)
        return place


def mapped(loader: Path | str, program: str, chroot: Path | None = None) -> list[str]:
    """The libraries that a real loader maps for a program, in its order; without the kernel's own."""
    command = [*(["chroot", str(chroot)] if chroot else []), str(loader), "--list", program]
    listed = processes.run(command).stdout.splitlines()
    paths = [line.partition("=>")[2].split("(")[0].strip() or line.split()[0] for line in listed]
    return [path for path in paths if "vdso" not in path]


def give_capabilities(path: Path) -> None:
    setcap = shutil.which("setcap", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    processes.run([str(setcap), "cap_net_bind_service+ep", str(path)])

"""A fresh machine for what a newcomer types: a root file system that was just set up, or this machine's own,
under a layer that keeps what is written; without a network, other processes and other people's mounts."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .building import ROOT, pip
from .preload import bare

CACHE = ROOT / "build" / "fresh"
# What README.md takes for granted, and the shells of docs/shell.md.
PACKAGES = ("python3-venv", "pipx", "samba", "smbclient", "fuse3", "man-db", "bash-completion", "zsh", "fish")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# $1 the root, $2 the folder for the layer, $3 the wheels, $4 the mount, $5 the script
ENTER = f"""\
set -e
mount -t tmpfs none "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none "$2/root"
cd "$2/root"
mkdir -p mnt/dfs
mount --rbind /dev dev
mount -t proc proc proc
mount --rbind "$4" mnt/dfs
cp "$5" script
cp -r "$3" wheels
for name in tmp run root; do mount -t tmpfs none $name; done
mkdir run/samba
ip link set lo up
exec chroot . /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=xterm PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels \
    PATH={PATH} bash /script
"""


def root(suite: str) -> Path:
    """The root of a Debian release with PACKAGES; made once. Do not change it."""
    path = CACHE / suite
    if not path.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = CACHE / f"{suite}.part"
        shutil.rmtree(part, ignore_errors=True)
        packages = f"--include={','.join(PACKAGES)}"
        processes.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, suite, str(part)], timeout=600)
        part.rename(path)
    return path


def python_of(top: Path) -> str:
    """The version of what `python3` is there."""
    command = ["chroot", str(top), "env", f"PATH={PATH}", "python3", "-c"]
    return processes.run([*command, "import sys; print('{}.{}'.format(*sys.version_info))"]).stdout.strip()


def wheels(wheel: Path, folder: Path, python: str, *others: str) -> Path:
    """A folder with a wheel of ours, all that it needs on a Python of this version, and others."""
    options = ["--quiet", "--only-binary=:all:", "--python-version", python, "--dest", folder]
    pip("download", *options, f"{wheel}[demo]", *others)
    return folder


@dataclass(frozen=True)
class Typed:
    """A line of a page that a reader types, and what the page shows below it."""

    line: str
    shown: str


def typed(page: Path) -> list[tuple[str, list[Typed]]]:
    """The marked blocks of a page: the shell that each is for, and its lines."""
    blocks = re.findall(r"^<!-- typed: (\w+) -->\n```console\n(.*?)^```", page.read_text(), re.M | re.S)
    return [
        (shell, [Typed(*found) for found in re.findall(r"^[$#] (.*)\n((?:(?![$#] ).*\n)*)", text, re.M)])
        for shell, text in blocks
    ]


def run(top: Path, folder: Path, wheels: Path, mount: Path, script: str, timeout: float = 110) -> str:
    """What a bash script prints there, both streams. `mount` is at /mnt/dfs."""
    (path := folder / "script").write_text(script)
    (layer := folder / "layer").mkdir()
    alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    given = [str(argument) for argument in (top, layer, wheels, mount, path)]
    done = processes.run([*alone, "sh", "-c", ENTER, "sh", *given], env=bare(), check=False, timeout=timeout)
    return done.stdout + done.stderr

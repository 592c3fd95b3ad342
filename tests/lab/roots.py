"""Root file systems with the Samba of a Debian release: unpacked once, kept in build/lab/."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness import processes

CACHE = Path(__file__).parents[2] / "build" / "lab"
MERGED_USR = Path("/usr/share/mmdebstrap/hooks/merged-usr")
# Besides Samba what the entrypoint runs. Nothing is configured, so what essential packages would bring by
# their scripts is made by server.py.
PACKAGES = (
    *("samba", "smbclient", "samba-vfs-modules"),
    *("base-passwd", "coreutils", "dash", "findutils", "grep", "libc-bin", "sed", "util-linux"),
)


@dataclass(frozen=True)
class Release:
    """Where a Samba comes from: a suite of Debian, or of its backports."""

    suite: str
    backports: bool = False
    more: tuple[str, ...] = ()


RELEASES = {
    "bookworm": Release("bookworm"),
    "trixie": Release("trixie", more=("base-files",)),
    "trixie-backports": Release("trixie", backports=True, more=("base-files",)),
}


def obtain(name: str) -> Path:
    """The root with the Samba of this release, one of RELEASES. Others may use it too: do not change it."""
    root = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            part = CACHE / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            processes.run(_command(RELEASES[name], part), timeout=300)
            part.rename(root)
    return root


def _command(release: Release, target: Path) -> list[str]:
    packages = ",".join([*PACKAGES, *release.more])
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={packages}"]
    if MERGED_USR.is_dir():
        command.append(f"--hook-dir={MERGED_USR}")
    command += [release.suite, os.fspath(target)]
    return command

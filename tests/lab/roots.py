"""Root file systems with the Samba of a Debian release: unpacked once, kept in build/lab/."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness import processes

CACHE = Path(__file__).parents[2] / "build" / "lab"
# Links for /bin, /lib and /sbin, which base-files would bring with its scripts.
MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
# Besides Samba what the entrypoint runs. Nothing is configured, so what essential packages would bring by
# their scripts is made by container.py.
PACKAGES = (
    *("samba", "smbclient", "samba-vfs-modules"),
    *("base-passwd", "coreutils", "dash", "findutils", "grep", "libc-bin", "sed", "util-linux"),
)
# From the mirror that mmdebstrap takes for the suite itself.
ADD_BACKPORTS = (
    "sed -n 's/^\\(deb .*\\) {suite} main$/\\1 {suite}-backports main/p' \"$1/etc/apt/sources.list\""
    ' >"$1/etc/apt/sources.list.d/backports.list"'
)


@dataclass(frozen=True)
class Release:
    """Where a Samba comes from: a suite of Debian, or the backports to it."""

    suite: str
    backports: bool = False


RELEASES = {
    "bookworm": Release("bookworm"),
    "trixie": Release("trixie"),
    "trixie-backports": Release("trixie", backports=True),
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
    options = [f"--include={','.join(PACKAGES)}", f"--hook-dir={MERGED_USR}"]
    if release.backports:
        options += [
            f"--setup-hook={ADD_BACKPORTS.format(suite=release.suite)}",
            f'--aptopt=APT::Default-Release "{release.suite}-backports"',
        ]
    return ["mmdebstrap", "--quiet", "--variant=extract", *options, release.suite, os.fspath(target)]

"""Print the environment lines that use the shim, for a shell (`eval "$(nlinkshim env)"`) or a unit file
(`nlinkshim env --format systemd`, pasted into `systemctl edit smbd`).

Preload it into smbd and what smbd starts, not into every process of a machine or container."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from nlinkshim.arguments import shown
from nlinkshim.errors import ExitCode, UsageError
from nlinkshim.shim.preload import SCOPE, preload_environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scope", help="fuse (default), off, or mount paths joined by ':'")
    parser.add_argument(
        "--format",
        choices=("shell", "systemd"),
        default="shell",
        help="shell (default): export lines; systemd: a [Service] section",
    )
    parser.add_argument("--shim", metavar="FILE", help="the copy to preload, such as install made")


def run(arguments: argparse.Namespace) -> int:
    # Of the caller's environment only LD_PRELOAD matters, and what stands in it is kept.
    if arguments.shim is not None and not Path(arguments.shim).is_absolute():
        raise UsageError(f"env: --shim {shown(arguments.shim)}: give an absolute path, as the loader needs")
    environment = preload_environment(scope=arguments.scope, shim=arguments.shim)
    if arguments.format == "systemd":
        print("[Service]")
    for name in ("LD_PRELOAD", *([SCOPE] if arguments.scope else [])):
        value = environment[name]
        if arguments.format == "systemd":
            quoted = f"{name}={value}".replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
            print(f'Environment="{quoted}"')
        else:
            print(f"export {name}={shlex.quote(value)}")
    return ExitCode.WELL

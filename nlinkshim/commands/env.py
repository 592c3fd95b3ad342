"""Print the environment lines that use the shim, for a shell (`eval "$(nlinkshim env)"`) or a unit file.

Preload it into smbd and what smbd starts, not into every process of a machine or container."""

from __future__ import annotations

import argparse
import shlex

from nlinkshim.commands._options import add_scope
from nlinkshim.errors import ExitCode
from nlinkshim.shim.preload import SCOPE, preload_environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_scope(parser)
    parser.add_argument(
        "--format",
        choices=("shell", "systemd"),
        default="shell",
        help="shell (default): export lines; systemd: Environment= lines for a [Service] section",
    )


def run(arguments: argparse.Namespace) -> int:
    # Of the caller's environment only LD_PRELOAD matters, and what stands in it is kept.
    environment = preload_environment(scope=arguments.scope)
    for name in ("LD_PRELOAD", *([SCOPE] if arguments.scope else [])):
        value = environment[name]
        if arguments.format == "systemd":
            quoted = f"{name}={value}".replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
            print(f'Environment="{quoted}"')
        else:
            print(f"export {name}={shlex.quote(value)}")
    return ExitCode.WELL

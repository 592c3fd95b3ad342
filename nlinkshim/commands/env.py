"""Print the environment lines that use the shim, for a shell (`eval "$(nlinkshim env)"`) or a unit file.

Preload it into smbd and what smbd starts, not into every process of a machine or container."""

from __future__ import annotations

import argparse
import os

from nlinkshim.errors import ExitCode
from nlinkshim.preload import SCOPE, preload_environment
from nlinkshim.remedy import quote


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scope", help="fuse (default), off, or mount paths joined by ':'")
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
            print(f'Environment="{_quoted(name + "=" + value)}"')
        else:
            print(f"export {name}={quote(value)}")
    return ExitCode.WELL


def _quoted(text: str) -> str:
    """For the quotes of a unit file (systemd.syntax(7)), where a line end would end the setting."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in os.fsencode(c)) for c in text)

"""Print the environment lines that use the shim, for a shell (`eval "$(nlinkshim env)"`) or a unit file
(`nlinkshim env --format systemd`, pasted into `systemctl edit smbd`).

Preload it into smbd and what smbd starts, not into every process of a machine or container."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from nlinkshim.arguments import shown
from nlinkshim.commands._options import add_scope
from nlinkshim.errors import ExitCode, UsageError
from nlinkshim.mounts.remedy import quote
from nlinkshim.output.text import tell
from nlinkshim.shim.preload import SCOPE, preload_environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_scope(parser)
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
    if arguments.shim is not None and not os.path.exists(arguments.shim):  # noqa: PTH110
        tell(f"{arguments.shim}: there is no such file here: where it is to be used it must be there")
    if arguments.format == "systemd":
        print("[Service]")
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

"""Write a Samba container that serves a FUSE mount under the shim, and compose or Kubernetes around it.

  container   images for smbd, for a mounter and for tools, and a script that runs the first
  compose     the FUSE server, smbd and a consumer
  kubernetes  a Deployment, a Service, and what mounts the share on the nodes

With no key at all it serves the mount /mnt/dfs as the share dfs. Every key may also stand in a TOML file; a
flag goes before it. nlinkshim help generate.md tells what they mean."""

from __future__ import annotations

import argparse
from pathlib import Path

from nlinkshim._version import __version__
from nlinkshim.engines.generate.files import TARGETS
from nlinkshim.engines.generate.generate import check_generated, generate
from nlinkshim.engines.generate.settings import Settings, table
from nlinkshim.engines.generate.toml import as_toml, read_toml
from nlinkshim.errors import ExitCode, UsageError
from nlinkshim.output.text import printable, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = (
        f"nlinkshim generate {{{','.join(TARGETS)}}} --out DIR\n"
        "                          [--config FILE] [--KEY VALUE ...]"
    )
    add = parser.add_argument
    add("target", nargs="?", choices=TARGETS, help="what to write")
    add("--out", type=Path, metavar="DIR", help="the folder to write into")
    add("--config", type=Path, metavar="FILE", help="TOML file of keys")
    add("--force", action="store_true", help="overwrite files that differ, remove those of an earlier run")
    add("--check", action="store_true", help="write nothing; exit 1 if DIR is not as it would be written")
    add("--print-config", action="store_true", help="print a TOML file of all keys, and end")
    keys = parser.add_argument_group("keys")
    for field in table():
        flag = f"--{field.name.replace('_', '-')}"
        help = field.metadata["meaning"].replace("%", "%%")
        if isinstance(field.default, bool):
            keys.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=help)
        elif isinstance(field.default, tuple):
            keys.add_argument(flag, action="append", metavar="VALUE", help=f"{help}; may be repeated")
        elif field.metadata["choices"]:
            keys.add_argument(flag, metavar="|".join(field.metadata["choices"]), help=help)
        else:
            kind = int if isinstance(field.default, int) else str
            keys.add_argument(flag, type=kind, metavar="VALUE", help=help)


def run(arguments: argparse.Namespace) -> int:
    given = read_toml(arguments.config) if arguments.config else {}
    flags = {field.name: getattr(arguments, field.name) for field in table()}
    settings = Settings.of(given | {name: value for name, value in flags.items() if value is not None})
    if arguments.print_config:
        header = f"Settings of nlinkshim generate, version {__version__}."
        print(as_toml(settings, header, settings.wheels), end="")
        return ExitCode.WELL
    if arguments.target is None or arguments.out is None:
        raise UsageError("expected a target and --out DIR, such as: `nlinkshim generate container --out dfs`")
    if arguments.check:
        differences = check_generated(arguments.target, arguments.out, settings=settings)
        for line in differences:
            print(printable(line))
        return ExitCode.WRONG if differences else ExitCode.WELL
    for name in generate(arguments.target, arguments.out, settings=settings, force=arguments.force):
        print(printable(name))
    tell(f"{arguments.out}/README.md tells how to go on")
    return ExitCode.WELL

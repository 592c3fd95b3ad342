"""Read each PROGRAM's file and those of its libraries, and tell whether a preload would reach its stat calls.
Nothing is executed.

The verdict for a program is one of
  reachable    the loader injects the shim, and it covers what the program and its libraries import
  partly       a part of the calls would go past it
  unreachable  no preload works there, or not this shim"""

from __future__ import annotations

import argparse
from pathlib import Path

from nlinkshim.commands._options import add_format, add_root
from nlinkshim.engines.audit.audit import audit
from nlinkshim.engines.audit.report import SCHEMA, as_json, as_text
from nlinkshim.errors import IncompleteError, UsageError
from nlinkshim.output.text import tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "programs",
        nargs="+",
        metavar="PROGRAM",
        help="a path (inside ROOTFS if there is one), or a name to look up",
    )
    add_format(parser, SCHEMA)
    add_root(parser)
    add(
        "--shim",
        type=Path,
        metavar="FILE",
        help="the shim to be preloaded (default: the installed one; for a foreign program in ROOTFS that of"
        " its own wheel)",
    )


def run(arguments: argparse.Namespace) -> int:
    results, codes = [], []
    for program in arguments.programs:
        try:
            result = audit(program, arguments.root, arguments.shim)
        except (UsageError, IncompleteError) as error:
            tell(error)
            codes.append(error.exit_code)
        else:
            results.append(result)
            codes.append(result.verdict.exit_code)
    if results:
        print(as_json(results) if arguments.format == "json" else as_text(results))
    return max(codes)

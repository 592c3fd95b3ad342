"""Read each PROGRAM's file and those of its libraries, and tell whether a preload would reach its stat calls.
Nothing is executed."""

from __future__ import annotations

import argparse
from pathlib import Path

from nlinkshim.commands._options import add_format, add_root, verdict_lines
from nlinkshim.engines.audit.audit import audit
from nlinkshim.engines.audit.report import SCHEMA, as_json, as_text
from nlinkshim.engines.audit.result import Verdict
from nlinkshim.errors import IncompleteError, UsageError
from nlinkshim.output.lines import columns
from nlinkshim.output.text import tell

DESCRIPTION = "\n".join(
    [
        str(__doc__),
        "",
        "The verdict for a program is one of",
        *verdict_lines(Verdict),
        "",
        "The number in brackets is the exit code; of several the highest.",
    ]
)


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
            result = audit(program, root=arguments.root, shim=arguments.shim)
        except (UsageError, IncompleteError) as error:
            tell(error)
            codes.append(error.exit_code)
        else:
            results.append(result)
            codes.append(result.verdict.exit_code)
    if results:
        print(as_json(results) if arguments.format == "json" else as_text(results, columns()))
    return max(codes)

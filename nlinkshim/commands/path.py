"""Print where the installed shim is."""

from __future__ import annotations

import argparse

from nlinkshim.errors import ExitCode
from nlinkshim.shim.preload import shim_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verify",
        action="store_true",
        help="make sure that it is its wheel's file; print its SHA-256, and whether a release has it",
    )


def run(arguments: argparse.Namespace) -> int:
    path = shim_path()
    if not arguments.verify:
        print(path)
        return ExitCode.WELL
    from nlinkshim.shim.digest import origin_of, sha256_of

    origin = origin_of(path)
    print(f"{sha256_of(path)}  {path}  ({origin})")
    return ExitCode.WELL

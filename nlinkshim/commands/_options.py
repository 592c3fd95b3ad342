"""The options that several commands have, with one name and one meaning each."""

from __future__ import annotations

import argparse
from pathlib import Path

TYPE_CHECKING = False  # importing typing would double the time of --help
if TYPE_CHECKING:
    from collections.abc import Iterable

    from nlinkshim.output.verdict import VerdictRow


def add_format(parser: argparse.ArgumentParser, schema: str) -> None:
    """--format text or json; `schema` is the name and version of the document."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help=f"json: schema {schema}")


def add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="ROOTFS",
        help="the root file system of an image, unpacked",
    )


def add_scope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scope", help="fuse (default), off, or mount paths joined by ':'")


def add_timeout(parser: argparse.ArgumentParser, default: float) -> None:
    """For each call on a mount, in seconds."""
    parser.add_argument(
        "--timeout",
        type=float,
        default=default,
        metavar="SECONDS",
        help="how long a call on the mount may take before it counts as hung (default %(default)g)",
    )


def verdict_lines(verdicts: Iterable[VerdictRow]) -> list[str]:
    """What a command may say, each with its exit code, for the help text."""
    return [f"  {verdict.value:12} {verdict.meaning} ({int(verdict.exit_code)})" for verdict in verdicts]

"""Copy the shim to DEST, a file or an existing folder: the step of an image build. Prints the LD_PRELOAD line
for the service that is to use it."""

from __future__ import annotations

import argparse
from pathlib import Path

from nlinkshim.errors import ExitCode
from nlinkshim.installer import install


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("destination", type=Path, metavar="DEST", help="an absolute path")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="ROOTFS", help="install into this root file system"
    )


def run(arguments: argparse.Namespace) -> int:
    print(f"LD_PRELOAD={install(arguments.destination, arguments.root)}")
    return ExitCode.WELL

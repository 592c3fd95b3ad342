"""Print where the installed shim is."""

from __future__ import annotations

import argparse

from nlinkshim.errors import ExitCode
from nlinkshim.shim.preload import shim_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes none."""


def run(arguments: argparse.Namespace) -> int:
    print(shim_path())
    return ExitCode.WELL

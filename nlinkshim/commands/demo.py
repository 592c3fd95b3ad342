"""The whole story in seconds, on a FUSE mount of its own: link counts of 0, what smbd makes of them, and
both again under the shim. Samba is shown if smbd and smbclient are installed and you are root. Nothing stays
behind."""

from __future__ import annotations

import argparse

from nlinkshim.engines.demo.demo import demo, shows_the_cure
from nlinkshim.engines.verify.report import summary
from nlinkshim.errors import ExitCode
from nlinkshim.output.lines import columns, fitted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes none."""


def run(arguments: argparse.Namespace) -> int:
    width = columns()
    results = demo(lambda text: print(fitted(text, width)))
    print(summary(results, ["without", "with"], width))
    return ExitCode.WELL if shows_the_cure(results) else ExitCode.WRONG

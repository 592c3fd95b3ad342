"""Measure, print the tables, and keep them in bench/RESULTS.md."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from harness import mounts

from . import (
    calls_paired,
    instructions,
    smb_conf,
    smb_listing,
    system_calls,
    verify_memory,
    verify_walk,
    walk_cold,
)
from .machine import describe
from .report import Results, Section
from .setting import Bench

QUESTIONS = {
    module.NAME: module
    for module in (
        instructions,
        calls_paired,
        system_calls,
        verify_walk,
        verify_memory,
        walk_cold,
        smb_listing,
        smb_conf,
    )
}
RESULTS = Path(__file__).with_name("RESULTS.md")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(QUESTIONS), metavar="NAME", help=" ".join(QUESTIONS)
    )
    parser.add_argument(
        "--quick", action="store_true", help="smaller trees, fewer rounds; RESULTS.md stays as it is"
    )
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = Results(RESULTS, describe(), list(QUESTIONS))
    print(results.heading())
    if arguments.quick:
        print("A quick run: its trees are too small, and its rounds too few, for the targets.\n")
    try:
        with mounts.temporary_folder("nlinkshim-bench-") as folder, ExitStack() as stack:
            bench = Bench(folder, arguments.quick, stack)
            for name in arguments.only or QUESTIONS:
                started = time.monotonic()
                section: Section = QUESTIONS[name].measure(bench)
                print(section.markdown(), flush=True)
                print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
                if not arguments.quick:
                    results.keep(section)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Show which live processes have the shim in them, and whether it works there.

Without --pid and --name: every process that has it. With --name smbd: every process of smbd, parents and
children, those without the shim too. Processes in other containers are seen as long as /proc shows them.

exit code 1: one of them runs without an effective shim, or there is none."""

from __future__ import annotations

import argparse
import os
import sys
import time

from nlinkshim import arguments as checks
from nlinkshim.commands._options import add_format
from nlinkshim.engines.status.report import SCHEMA, as_json, as_text
from nlinkshim.engines.status.result import Survey
from nlinkshim.engines.status.status import status
from nlinkshim.errors import UsageError
from nlinkshim.output.lines import columns
from nlinkshim.output.text import tell

CLEAR_SCREEN = "\x1b[H\x1b[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pid", type=int, metavar="PID", help="this process")
    which.add_argument(
        "--name", metavar="NAME", help="the processes of this name: of command, executable or argv[0]"
    )
    add_format(parser, SCHEMA)
    parser.add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="look again every so often (default %(const)g) until Ctrl-C; the exit code is that of"
        " the last look",
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.pid is not None and arguments.pid < 1:
        raise UsageError(f"--pid {arguments.pid}: give the number of a process")
    if arguments.watch is None:
        survey = status(pid=arguments.pid, name=arguments.name)
        if text := _shown(survey, None, arguments):
            print(text)
        _explain(survey, arguments)
        return survey.exit_code
    checks.seconds("--watch", arguments.watch)
    return _watch(arguments)


def _watch(arguments: argparse.Namespace) -> int:
    survey = before = None
    try:
        while True:
            survey = status(pid=arguments.pid, name=arguments.name)
            if sys.stdout.isatty():
                print(CLEAR_SCREEN, end="", flush=True)
            if text := _shown(survey, before, arguments):
                print(text, flush=True)
            if sys.stderr.isatty() or before is None or _nobody(before) != _nobody(survey):
                _explain(survey, arguments)
            before = survey
            time.sleep(arguments.watch)
    except KeyboardInterrupt:
        if survey is None:
            raise
        return survey.exit_code


def _nobody(survey: Survey) -> bool:
    return not survey.processes


def _shown(survey: Survey, before: Survey | None, arguments: argparse.Namespace) -> str:
    return as_json(survey) if arguments.format == "json" else as_text(survey, before, columns())


def _explain(survey: Survey, arguments: argparse.Namespace) -> None:
    """What a table cannot say, on stderr."""
    if not survey.processes:
        if arguments.pid is not None:
            what = f"there is no process {arguments.pid}"
        elif arguments.name is not None:
            what = f"there is no process of the name {arguments.name}"
        else:
            what = "no process has the shim in it"
        tell(what)
    if survey.unseen:
        count = "1 process" if survey.unseen == 1 else f"{survey.unseen} processes"
        who = "this host's root may" if os.geteuid() == 0 else "run as root"
        tell(f"{count} could not be looked at; {who}")

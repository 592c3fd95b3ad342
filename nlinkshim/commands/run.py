"""Run CMD under the shim: it is appended to LD_PRELOAD, behind what stands there (in front of what would
keep calls from it), and CMD takes this process's place. With it goes everything that CMD starts. A program
in which no preload could work is refused (exit code 1); see nlinkshim audit CMD."""

from __future__ import annotations

import argparse
import os
import shutil

from nlinkshim.commands._options import add_scope
from nlinkshim.engines.audit.audit import audit
from nlinkshim.errors import IncompleteError, UsageError
from nlinkshim.output.text import tell
from nlinkshim.shim.handshake import HiddenError, Loaded, ignored_preloads, prove_loading
from nlinkshim.shim.preload import preload_environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nlinkshim run [--scope SCOPE] -- CMD [ARGUMENT ...]"
    add_scope(parser)
    parser.add_argument("cmd", nargs=argparse.REMAINDER, metavar="CMD", help="the command and its arguments")


def run(arguments: argparse.Namespace) -> int:
    command = arguments.cmd[1:] if arguments.cmd[:1] == ["--"] else arguments.cmd
    if not command:
        raise UsageError(
            "run: no command given; try: `nlinkshim run -- smbd --foreground --no-process-group`"
        )
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(f"run: {command[0]}: no such program")
    audit(program).require_reachable()
    first, loaded = _place(arguments.scope)
    for entry, reason in ignored_preloads(loaded.complaint):
        tell(f"run: LD_PRELOAD names {entry}, which the loader leaves out ({reason}); ' ' and ':' end a path")
    environment = preload_environment(scope=arguments.scope, first=first)
    try:
        os.execve(program, command, environment)
    except OSError as error:
        raise IncompleteError(f"run: {program}: {error.strerror}") from error


def _place(scope: str | None) -> tuple[bool, Loaded]:
    """Whether the shim must come first in LD_PRELOAD for calls to reach it, and how it was found there."""
    try:
        return False, prove_loading(scope=scope)
    except HiddenError as error:
        loaded = prove_loading(scope=scope, first=True)
        tell(f"run: {error}; so the shim is put first")
        return True, loaded

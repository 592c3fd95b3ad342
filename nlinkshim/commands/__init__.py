"""The command line: its commands, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import codecs
import errno
import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence

from nlinkshim._version import __version__
from nlinkshim.arguments import guess
from nlinkshim.commands._parser import EPILOG, Parser
from nlinkshim.errors import ExitCode, NlinkshimError, UsageError
from nlinkshim.output.text import as_it_came, discard, tell

# One module a command, imported only if it is the one asked for: name, then a line for the overview.
COMMANDS = {
    "verify": "walk a mount and prove that the shim mends its counts, nothing else",
    "audit": "tell from a program's files whether the shim would work in it",
    "install": "copy the shim to where an image wants it",
    "path": "print where the installed shim is",
    "env": "print the environment lines that use it",
    "run": "run a command under the shim",
    "status": "show which live processes have the shim, and whether it works there",
    "doctor": "check the host around a mount; each finding comes with its remedy",
    "generate": "write a Samba container, and compose or Kubernetes around it",
    "demo": "see the problem and the cure on a small FUSE mount of its own",
    "help": "show the options of a command, or a page of the documentation",
}


TYPE_CHECKING = False  # as type checkers know it; importing typing would double the time of --help
if TYPE_CHECKING:
    import argparse
    from typing import Protocol

    class Command(Protocol):
        """What a module of COMMANDS is. Its docstring is the help text, unless it has a DESCRIPTION."""

        def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

        def run(self, arguments: argparse.Namespace) -> int:
            """Returns the exit code. Raises NlinkshimError."""
            ...


DESCRIPTION = "Makes FUSE mounts that report a link count of 0 usable through Samba."


def overview() -> str:
    """All commands, as `nlinkshim help` shows them."""
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:{width}}  {line}" for name, line in COMMANDS.items())
    return (
        f"usage: nlinkshim [-h] [-V] COMMAND ...\n\n{DESCRIPTION}\n\ncommands:\n{listing}\n\n"
        f"options:\n  -h, --help     show this\n  -V, --version  show the version\n\n{EPILOG}"
    )


def parser_of(name: str, command: Command) -> Parser:
    """The parser of one command, `command` its module."""
    parser = Parser(f"nlinkshim {name}", getattr(command, "DESCRIPTION", command.__doc__))
    command.add_arguments(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Parse and run one command. Errors come out as NlinkshimError."""
    if not arguments:
        print(overview(), file=sys.stderr)
        return ExitCode.USAGE
    name, *rest = arguments
    if name in ("-h", "--help"):
        print(overview())
        return ExitCode.WELL
    if name in ("-V", "--version"):
        print(f"nlinkshim {__version__}")
        return ExitCode.WELL
    if name not in COMMANDS:
        kind = "option" if name.startswith("-") else "command"
        raise UsageError(
            f"there is no {kind} {name}{guess(name, COMMANDS)}; nlinkshim help lists the commands"
        )
    command = load(name)
    return int(command.run(parser_of(name, command).parse_args(rest)))


def load(name: str) -> Command:
    """The module of one command."""
    return importlib.import_module(f"nlinkshim.commands.{name}")


def _open_streams() -> None:
    """Have all three standard streams, as cron and others do not give them: what is written to a closed one
    is lost, and no other file gets its number. A program that takes this process's place finds it closed
    again."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(spare)
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115  as long as the process lives
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def main(arguments: Sequence[str] | None = None) -> int:
    # A command leaves few cycles behind, and ends: looking for them is a tenth of the time verify starts in.
    gc.disable()
    _open_streams()
    # A path's bytes that are no text go out as they came in, whatever the locale.
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("nlinkshim", as_it_came)
        sys.stdout.reconfigure(errors="nlinkshim")
    try:
        code = _guarded(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        gc.freeze()
        return code
    except OSError as error:  # of the output
        if not isinstance(error, BrokenPipeError):  # the reader has enough (`| head`)
            tell(f"what was to be told cannot be written: {error.strerror}")
        discard(sys.stdout)
        return ExitCode.INCOMPLETE


_OF_WRITING = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _guarded(arguments: Sequence[str]) -> int:
    try:
        return run(arguments)
    except NlinkshimError as error:
        tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted")
        return ExitCode.INCOMPLETE
    except OSError as error:
        if error.filename is None and error.errno in _OF_WRITING:
            raise
        where = f"{error.filename}: " if error.filename else ""
        tell(f"{where}{error.strerror or error}")
        return ExitCode.INCOMPLETE

"""The command line: the parser, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import argparse
import codecs
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from nlinkshim import __version__
from nlinkshim.errors import ExitCode, NlinkshimError
from nlinkshim.report.text import as_it_came, discard, printable, tell

# One module a command, imported only if it is the one asked for: name, then a line for the overview.
COMMANDS = {
    "verify": "walk a mount and prove that the shim corrects its link counts, and nothing else",
    "audit": "tell from a program's files whether the shim would work in it",
    "install": "copy the shim to where an image wants it",
    "path": "print where the installed shim is",
    "env": "print the environment lines that use it",
    "run": "run a command under the shim",
    "status": "show which live processes have the shim, and whether it works there",
    "doctor": "check the host or container around a mount, with the command that mends each finding",
    "generate": "write a Samba container that uses the shim, and compose or Kubernetes around it",
    "demo": "see the problem and the cure on a small FUSE mount of its own",
}

DESCRIPTION = "Makes FUSE mounts that report a link count of 0 usable through Samba."

EPILOG = """\
exit codes: 0 all well, 1 the check found something wrong, 2 wrong usage,
3 could not be completed, 4 the shim could not be loaded or is another version"""


class Parser(argparse.ArgumentParser):
    """Its complaints quote what was typed, which a terminal need not survive."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _overview() -> Parser:
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:{width}}  {line}" for name, line in COMMANDS.items())
    parser = Parser(
        prog="nlinkshim",
        description=f"{DESCRIPTION}\n\ncommands:\n{listing}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nlinkshim {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see nlinkshim COMMAND --help")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Parse and run one command. Errors come out as NlinkshimError."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        _overview().parse_args(arguments)  # --help, --version, or the complaint
        raise AssertionError("argparse returned")
    module = importlib.import_module(f"nlinkshim.commands.{name}")
    parser = Parser(
        prog=f"nlinkshim {name}",
        description=getattr(module, "DESCRIPTION", module.__doc__),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(arguments[1:])))


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
    _open_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("nlinkshim", as_it_came)
        sys.stdout.reconfigure(errors="nlinkshim")
    try:
        code = _guarded(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
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

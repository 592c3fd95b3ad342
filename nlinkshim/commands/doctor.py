"""Check this host or container and, with PATH, the mount there: each finding is PASS, WARN or FAIL, and comes
with the command that mends it.

What touches the mount is done by a child process with a time limit: a FUSE daemon that hangs hangs nothing
here.

exit code 1: a finding is FAIL."""

from __future__ import annotations

import argparse

from nlinkshim import arguments as checks
from nlinkshim.commands._options import add_format, add_timeout
from nlinkshim.engines.doctor.doctor import TIMEOUT_SECONDS, findings
from nlinkshim.engines.doctor.report import SCHEMA, as_json, as_text, summary
from nlinkshim.engines.doctor.result import Level
from nlinkshim.errors import ExitCode
from nlinkshim.output.lines import columns


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("path", nargs="?", metavar="PATH", help="a mount, or a folder of one")
    add("--user", metavar="USER", help="who is to see the mount: a name or uid (as root; default: yourself)")
    add(
        "--consumer",
        metavar="PID|CONTAINER",
        help="a process, or a container of podman, docker or crictl: does what is mounted at PATH reach it?",
    )
    add_timeout(parser, TIMEOUT_SECONDS)
    add_format(parser, SCHEMA)


def run(arguments: argparse.Namespace) -> int:
    found, width = [], columns()
    path = None if arguments.path is None else checks.absolute("path", arguments.path)
    for finding in findings(
        arguments.path, timeout=arguments.timeout, user=arguments.user, consumer=arguments.consumer
    ):
        found.append(finding)
        if arguments.format == "text":
            print(as_text(finding, width, path), flush=True)
    print(as_json(found) if arguments.format == "json" else summary(found, width))
    return ExitCode.WRONG if any(finding.level is Level.FAIL for finding in found) else ExitCode.WELL

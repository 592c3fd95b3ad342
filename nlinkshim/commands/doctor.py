"""Check this host or container and, with PATH, the mount there: each finding is PASS, WARN or FAIL, and comes
with the command that mends it.

What touches the mount is done by a child process with a time limit: a FUSE daemon that hangs hangs nothing
here.

exit code 1: a finding is FAIL."""

from __future__ import annotations

import argparse

from nlinkshim.engines.doctor.doctor import TIMEOUT_SECONDS, findings
from nlinkshim.engines.doctor.report import as_json, as_text, summary
from nlinkshim.engines.doctor.result import Level
from nlinkshim.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("path", nargs="?", metavar="PATH", help="a mount, or a folder of one")
    add("--user", metavar="USER", help="who is to see the mount: a name or uid (as root; default: yourself)")
    add(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="how long a call on the mount may take before it counts as hung (default %(default)g)",
    )
    add("--format", choices=("text", "json"), default="text", help="json: schema nlinkshim.doctor/1")


def run(arguments: argparse.Namespace) -> int:
    found = []
    for finding in findings(arguments.path, timeout=arguments.timeout, user=arguments.user):
        found.append(finding)
        if arguments.format == "text":
            print(as_text(finding), flush=True)
    print(as_json(found) if arguments.format == "json" else summary(found))
    return ExitCode.WRONG if any(finding.level is Level.FAIL for finding in found) else ExitCode.WELL

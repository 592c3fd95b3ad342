"""Copy the shim to DEST, a file or an existing folder: the step of an image build. Prints the LD_PRELOAD line
for the service that is to use it.

With --for it audits that program first, and refuses (exit code 1) if no preload could work in it. A copy for
this machine is proven by a process that loads it."""

from __future__ import annotations

import argparse
from pathlib import Path

from nlinkshim.commands._options import add_root
from nlinkshim.engines.install.install import install
from nlinkshim.errors import ExitCode
from nlinkshim.output.text import tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("destination", type=Path, metavar="DEST", help="an absolute path, inside ROOTFS if there is one")
    add(
        "--for",
        dest="program",
        metavar="PROGRAM",
        help="the program that is to load it, such as /usr/sbin/smbd",
    )
    add_root(parser)
    add("--machine", metavar="NAME", help="the machine that the image is for, as uname -m names it")
    add("--dry-run", action="store_true", help="check, print the line, and write nothing")


def run(arguments: argparse.Namespace) -> int:
    done = install(
        arguments.destination,
        root=arguments.root,
        program=arguments.program,
        machine=arguments.machine,
        dry_run=arguments.dry_run,
    )
    if done.audit is not None:
        for finding in done.audit.grave:
            tell(f"{finding.object}: {finding.reason}")
    if arguments.dry_run:
        tell("dry run, nothing was written")
    print(done.preload)
    return ExitCode.WELL

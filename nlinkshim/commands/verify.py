"""Walk each PATH, and compare the kernel's own answers with those of libc in a process under the shim."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from nlinkshim.commands._options import add_format, add_scope, add_timeout, verdict_lines
from nlinkshim.engines.verify.notes import KINDS
from nlinkshim.engines.verify.options import DEFAULT_JOBS, Options
from nlinkshim.engines.verify.report import SCHEMA, as_json, as_text
from nlinkshim.engines.verify.result import Verdict
from nlinkshim.engines.verify.supervise import Progress
from nlinkshim.engines.verify.verify import verify
from nlinkshim.output.lines import columns
from nlinkshim.shim.preload import shim_path

DESCRIPTION = "\n".join(
    [
        str(__doc__),
        "The verdict for a mount is one of",
        *verdict_lines(Verdict),
        "",
        "The number in brackets is the exit code; of several the highest. Where lies were all",
        "corrected, but something could not be read or judged, it is 3.",
        "",
        "Notes tell other lies of a FUSE mount, and change neither the verdict nor the exit code:",
        *(f"  {kind.id:14} {kind.what}" for kind in KINDS),
    ]
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = Options()
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="a mount, or a folder of one")
    add_format(parser, SCHEMA)
    add("--jobs", type=int, default=DEFAULT_JOBS, metavar="N", help="threads (default %(default)s)")
    add(
        "--one-file-system",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="do not descend into other file systems below PATH (default); if not, each has its own verdict",
    )
    add(
        "--sample",
        type=int,
        default=defaults.sample,
        metavar="N",
        help="look closely at one entry in N: every entry point, daemon asked afresh (default %(default)s)",
    )
    add("--thorough", action="store_true", help="ask the daemon afresh for every entry")
    add("--every-entry-point", action="store_true", help="compare all entry points of libc for every entry")
    add("--max-entries", type=int, default=0, metavar="N", help="stop after N entries (default: no limit)")
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave out entries of this name, or, with a '/' in it, of this path below PATH; may be repeated",
    )
    add_timeout(parser, defaults.timeout)
    add("--plain", action="store_true", help="PATH is meant though no FUSE file system is mounted there")
    add_scope(parser)
    add("--shim", type=Path, metavar="FILE", help="the shim to verify (default: the installed one)")


def run(arguments: argparse.Namespace) -> int:
    options = Options(
        jobs=arguments.jobs,
        one_file_system=arguments.one_file_system,
        thorough=arguments.thorough,
        every_entry_point=arguments.every_entry_point,
        sample=arguments.sample,
        max_entries=arguments.max_entries,
        exclude=tuple(arguments.exclude),
        timeout=arguments.timeout,
        scope=arguments.scope,
        shim=arguments.shim,
        plain=arguments.plain,
    )
    with _progress_bar() as progress:
        results = verify(arguments.paths, options=options, progress=progress)
    if arguments.format == "json":
        print(as_json(results, options, arguments.shim or shim_path()))
    else:
        print(as_text(results, columns()))
    return max(result.exit_code for result in results)


@contextlib.contextmanager
def _progress_bar() -> Iterator[Progress | None]:
    """A bar on stderr if that is a terminal. How many entries there will be is not known: it counts."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("walking", total=None)
        yield lambda entries, lies: bar.update(task, description=f"{entries:,} entries, {lies:,} report 0")

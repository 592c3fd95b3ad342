"""Look at each mount PATH every second, as a consumer does (statfs, a listing, the sentinel's data), and tell
of each outage when it begins and ends: its kind, and how long it lasted.

Kinds are the names of errors (EIO, EACCES, ENOTCONN, ...), hang (no answer in time), empty (a listing of
nothing), sentinel (it is missing), and absent (the mount is gone, and the folder beneath answers). An outage
lasts from the start of the first call that failed to the start of the first look in which all is well.
Ends at Ctrl-C or SIGTERM, with a summary.

exit code 1: an outage lasted longer than --rto."""

from __future__ import annotations

import argparse
import re
import signal
import time
from pathlib import Path
from typing import NoReturn

from nlinkshim.commands._options import add_format
from nlinkshim.engines.watch import report
from nlinkshim.engines.watch.hooks import Hooks
from nlinkshim.engines.watch.metrics import Metrics
from nlinkshim.engines.watch.watch import HANG_SECONDS, INTERVAL, Watch, watch
from nlinkshim.errors import ExitCode
from nlinkshim.output.lines import columns

TEXTFILE_SECONDS = 5.0  # between two writings
UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> float:
    """Seconds of a text such as 120, 120s, 2m or 500ms."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|[smhd]?)", text)
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; give one such as 120s, 2m or 500ms")
    return float(found[1]) * UNITS[found[2]]


def listener(text: str) -> tuple[str, int]:
    """Address and port of [ADDRESS:]PORT."""
    address, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no place to listen at; give [ADDRESS:]PORT")
    return address.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  as --help says


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="a mount")
    add("--sentinel", metavar="NAME", help="an entry that each PATH must have; a file's data is read")
    add("--folder", action="append", default=[], metavar="DIR", help="a folder to keep open and to list")
    add("--file", action="append", default=[], metavar="FILE", help="a file to keep open and to read")
    add("--interval", type=duration, default=INTERVAL, metavar="TIME", help="between looks (default 1s)")
    add(
        "--hang",
        type=duration,
        default=HANG_SECONDS,
        metavar="TIME",
        help="how long a call may take before it counts as hung (default 2s)",
    )
    add("--rto", type=duration, metavar="TIME", help="how long an outage may last")
    add("--duration", type=duration, metavar="TIME", help="how long to watch (default: until Ctrl-C)")
    add("--on-down", metavar="COMMAND", help="for sh, when an outage begins; see docs/watch.md")
    add("--on-up", metavar="COMMAND", help="for sh, when it ends")
    add("--textfile", type=Path, metavar="FILE", help="keep the counts there, for Prometheus's node_exporter")
    add(
        "--listen",
        type=listener,
        metavar="[ADDRESS:]PORT",
        help="answer Prometheus at /metrics (default address: all)",
    )
    add_format(parser, report.SCHEMA)


def run(arguments: argparse.Namespace) -> int:
    written = 0.0

    def each() -> None:
        nonlocal written
        if arguments.textfile and time.monotonic() - written >= TEXTFILE_SECONDS:
            written = time.monotonic()
            metrics.write(arguments.textfile)

    watched = watch(
        arguments.paths,
        sentinel=arguments.sentinel,
        folders=arguments.folder,
        files=arguments.file,
        interval=arguments.interval,
        hang=arguments.hang,
        rto=arguments.rto,
        duration=arguments.duration,
        each=each,
    )
    if arguments.textfile or arguments.listen:
        metrics = Metrics(lambda: watched.summaries, arguments.rto)
        if arguments.listen:
            metrics.serve(*arguments.listen)
    try:
        _tell_all(watched, arguments)
    finally:
        if arguments.textfile:
            metrics.write(arguments.textfile)
    return ExitCode.WRONG if any(summary.over for summary in watched.summaries) else ExitCode.WELL


def _tell_all(watched: Watch, arguments: argparse.Namespace) -> None:
    as_json = arguments.format == "json"
    given = {"down": arguments.on_down, "up": arguments.on_up}
    hooks = Hooks({event: command for event, command in given.items() if command})
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        for event in watched:
            text = report.as_text(event, arguments.rto, columns()) if not as_json else report.as_json(event)
            print(text, flush=True)
            hooks.start(event)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
    if as_json:
        for summary in watched.summaries:
            print(report.summary_as_json(summary))
    else:
        print(report.summaries_as_text(watched.summaries, columns()))


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt

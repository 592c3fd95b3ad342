"""What does the generated smb.conf change against Samba's defaults?"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from harness import samba
from harness.samba import Server, Share

from nlinkshim.engines.generate.files import render
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings

from .report import Section, Table, Target
from .rounds import Samples, interleaved, ratio
from .setting import Bench, absent

NAME = "smb-conf"
METHOD = """\
smbds with the shim on a go-fuse mount, each with more lines of the generated smb.conf: `recurse; ls`
through smbclient, and 50 names that are not there (less a run that asks for none, so that the connection
does not count). They take turns; each run starts after what the kernel cached of the last one (for 1 s)
has expired. Medians of the rounds' ratios, quartiles in brackets. Twice: with a daemon that is asked for
extended attributes and has none, which is go-fuse's default, and with one that told the kernel once that
it knows none."""
SHARE = "dfs"
EXPIRY = 1.1
LOOKUPS = 50
DEFAULTS, ATTRIBUTES, GENERATED = "Samba's defaults", "attributes", "as generated"
# the lines of smb.conf that claim speed
OF_ATTRIBUTES = ("store dos attributes", "map archive", "ea support")
OF_NAMES = ("case sensitive", "mangled names")


def claimed() -> dict[str, str]:
    """Those lines, as they are generated: name and whole line."""
    content = next(
        file.content
        for path, file in render("container", Model.of(Settings())).items()
        if path.name == "smb.conf"
    )
    lines = dict(re.findall(r"^ *(([a-z ]+) = .*)$", content.decode(), re.MULTILINE))
    by_name = {name: line for line, name in lines.items()}
    return {name: by_name[name] for name in OF_ATTRIBUTES + OF_NAMES}


def _took(server: Server, command: str, well: Callable[[int, str], bool]) -> float:
    time.sleep(EXPIRY)
    started = time.perf_counter()
    done = server.client(SHARE, command, timeout=120)
    took = time.perf_counter() - started
    if not well(done.returncode, done.stdout):
        raise RuntimeError(f"{command[:40]} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return took


def _listing(server: Server, entries: int) -> float:
    return _took(server, "recurse; ls", lambda code, out: code == 0 and out.count("\n") > entries)


def _lookups(server: Server) -> float:
    """Names that are not there, in a folder that holds many others."""
    names = [f"d00000/none{number:04}" for number in range(LOOKUPS)]
    asked = "; ".join(f"allinfo {name}" for name in names)
    missing = "NT_STATUS_OBJECT_NAME_NOT_FOUND"
    took = _took(server, asked, lambda _, out: out.count(missing) == LOOKUPS)
    return took - _took(server, "help ls", lambda code, _: code == 0)


def measure(bench: Bench) -> Section:
    entries = bench.scaled(10_100, 1_010)
    title = f"The generated smb.conf, {entries:,} entries"
    if reasons := [reason for name in ("smbd", "smbclient") if (reason := absent(name))]:
        return Section(NAME, title, METHOD, notes=reasons)
    lines = claimed()
    configured = {
        DEFAULTS: (),
        ATTRIBUTES: tuple(lines[name] for name in OF_ATTRIBUTES),
        GENERATED: tuple(lines.values()),
    }
    rounds = bench.scaled(9, 3)
    listed: dict[bool, Samples] = {}
    looked: dict[bool, Samples] = {}
    for xattrs in (True, False):
        with ExitStack() as stack:
            mount = stack.enter_context(
                bench.mount(f"smb-conf-{xattrs}", entries=entries, xattrs=xattrs)
            ).path
            servers = {
                name: stack.enter_context(
                    samba.serve(
                        bench.folder / f"smbd-conf{number}-{xattrs}",
                        {SHARE: Share(mount, options)},
                        bench.shim(),
                    )
                )
                for number, (name, options) in enumerate(configured.items())
            }
            listed[xattrs] = interleaved(
                {name: partial(_listing, server, entries) for name, server in servers.items()}, rounds, 90
            )
            looked[xattrs] = interleaved(
                {name: partial(_lookups, server) for name, server in servers.items()}, rounds, 90
            )
    shown = {
        DEFAULTS: DEFAULTS,
        ATTRIBUTES: ", ".join(f"`{lines[name]}`" for name in OF_ATTRIBUTES),
        GENERATED: "and " + ", ".join(f"`{lines[name]}`" for name in OF_NAMES),
    }
    tables = [
        Table(
            [
                "lines of smb.conf",
                "listing",
                "of the defaults' time",
                f"{LOOKUPS} names",
                "of the defaults' time",
            ],
            [
                [
                    text,
                    f"{statistics.median(listed[xattrs][name]):.2f} s",
                    ratio(listed[xattrs], name, DEFAULTS),
                    f"{1000 * statistics.median(looked[xattrs][name]):.0f} ms",
                    ratio(looked[xattrs], name, DEFAULTS),
                ]
                for name, text in shown.items()
            ],
            f"Extended attributes {'asked for' if xattrs else 'not asked for'}:",
        )
        for xattrs in (True, False)
    ]
    targets = [
        Target(
            "listing in a quarter of the defaults' time, attributes asked for",
            ratio(listed[True], GENERATED, DEFAULTS).median,
            0.25,
        ),
        Target(
            "names that are not there in half of it",
            max(ratio(samples, GENERATED, DEFAULTS).median for samples in looked.values()),
            0.5,
        ),
    ]
    return Section(NAME, title, METHOD, tables, targets)

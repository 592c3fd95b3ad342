"""Which system calls does the shim add?"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from harness import processes

from .calls import Caller
from .report import Section, Table, Target
from .setting import CACHED, Bench, absent

NAME = "system-calls"
METHOD = """\
`strace -c -f` of 10,000 corrected calls less that of 1,000. strace makes calls so slow that a second or
two pass in the meantime, and once a second the shim looks at the mounts again: three calls (statmount, which
strace may not know by name), or else a reading of mountinfo."""
FEW, MANY = 1_000, 10_000
# A look at the mounts takes about ten system calls, and a second under strace holds thousands of the shim's.
LIMIT = 0.01

# what is asked for -> entry point, how, target
ORDINARY = {
    "`stat` by name": ("stat", "name", "movies/poster.jpg"),
    "`stat` of a folder": ("stat", "name", "movies"),
    "`statx` by name": ("statx", "name", "movies/poster.jpg"),
    "`fstat`": ("fstat", "descriptor", "movies/poster.jpg"),
    "`fstatat` with `AT_EMPTY_PATH`": ("fstatat", "descriptor", "movies"),
}
LIKE_PROC = {"`stat` of `1`, which could be a folder of /proc": ("stat", "name", "1")}


def _system_calls(caller: Caller, env: dict[str, str], count: int) -> Counter[str]:
    output = caller.bench.folder / "strace.out"
    strace = ["strace", "-f", "-c", "-U", "name,calls", "-o", str(output)]
    processes.run([*strace, *caller.command("loop", count)], env=env, cwd=caller.where, timeout=60)
    rows = re.findall(r"^(\w+)\s+(\d+)$", Path(output).read_text(), re.MULTILINE)
    return Counter({name: int(number) for name, number in rows if name != "total"})


def _added(caller: Caller, env: dict[str, str]) -> Counter[str]:
    """What MANY calls make beyond FEW."""
    many, few = (_system_calls(caller, env, count) for count in (MANY, FEW))
    return Counter({name: number for name in many | few if (number := many[name] - few[name])})


def measure(bench: Bench) -> Section:
    if reason := absent("strace"):
        return Section(NAME, "System calls", METHOD, notes=[reason])
    rows = []
    more: dict[str, float] = {}
    with bench.mount("lying", link=["1=readme.txt"], **CACHED) as mount:
        for title, (entry, how, target) in (ORDINARY | LIKE_PROC).items():
            caller = Caller(bench, entry, how, mount.path, target)
            bare, shim = (_added(caller, bench.peers[peer]) for peer in ("bare", "shim"))
            extra = shim - bare
            more[title] = extra.total() / (MANY - FEW)
            names = ", ".join(f"{number} {name}" for name, number in sorted(extra.items())) or "none"
            rows.append([title, bare.total(), shim.total(), f"{more[title]:.4f}", names])
    header = ["call", f"bare libc, {MANY - FEW:,} calls", "with the shim", "more a call", "which"]
    text = "no more than the looks at the mounts; more a call"
    targets = [
        Target(f"{text}{which}", max(more[title] for title in titles), LIMIT)
        for which, titles in (("", ORDINARY), (", by a relative name that could be one of /proc", LIKE_PROC))
    ]
    return Section(NAME, "System calls", METHOD, [Table(header, rows)], targets)

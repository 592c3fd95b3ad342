"""Does smbd list a lying mount under the shim as fast as an honest one without?"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from functools import partial

from harness import mounts, samba
from harness.preload import bare
from harness.samba import Server, Share

from .report import Section, Table, Target
from .rounds import AT_LEAST, interleaved, ratio
from .setting import Bench, absent
from .walk_cold import bindfs

NAME = "smb"
METHOD = """\
`smbclient -c 'recurse; ls'` of the same tree from smbds that take turns: the tree served honestly and
smbd without the shim, lying and with the shim, and lying behind a bindfs. Each listing starts after what
the kernel cached of the last one (for 1 s) has expired. Medians of the rounds' ratios, quartiles in
brackets."""
SHARE = "dfs"
EXPIRY = 1.1
HONEST, SHIM, FRONT = "honest, bare", "lying, shim", "lying, `bindfs --hide-hard-links`"
LIMIT = 1.02


def _listing(server: Server, entries: int) -> float:
    time.sleep(EXPIRY)
    started = time.perf_counter()
    done = server.client(SHARE, "recurse; ls", timeout=120)
    took = time.perf_counter() - started
    # of each folder also . and .., a heading
    if done.returncode != 0 or done.stdout.count("\n") < entries:
        raise RuntimeError(f"listing failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return took


def measure(bench: Bench) -> Section:
    entries = bench.scaled(20_200, 1_010)
    title = f"A recursive SMB listing of {entries:,} entries"
    if reasons := [reason for name in ("smbd", "smbclient") if (reason := absent(name))]:
        return Section(NAME, title, METHOD, notes=reasons)
    with ExitStack() as stack:
        honest = stack.enter_context(bench.mount("smb-honest", entries=entries, nlink="honest")).path
        lying = stack.enter_context(bench.mount("smb-lying", entries=entries)).path
        served = {HONEST: (honest, bare()), SHIM: (lying, bench.shim())}
        if not (reason := absent("bindfs")):
            path = bench.folder / "smb-front"
            served[FRONT] = stack.enter_context(mounts.served(path, bindfs(lying, path))).path, bare()
        runs = {}
        for number, (name, (path, env)) in enumerate(served.items()):
            server = samba.serve(bench.folder / f"smbd{number}", {SHARE: Share(path)}, env)
            runs[name] = partial(_listing, stack.enter_context(server), entries)
        # The difference that matters is small, so it takes many rounds to see; the other does not.
        pair = interleaved({name: runs[name] for name in (HONEST, SHIM)}, bench.scaled(41, 3), 150)
        samples = interleaved(runs, AT_LEAST, 60)
    rows: list[list[object]] = []
    for name in served:
        by = pair if name in pair else samples
        rows.append([name, f"{statistics.median(by[name]):.2f} s", ratio(by, name, HONEST)])
    within = ratio(pair, SHIM, HONEST).median
    target = Target("within 2 % of the honest tree without the shim", within, LIMIT)
    table = Table(["smbd on", "took", "of the honest tree's time"], rows)
    return Section(NAME, title, METHOD, [table], [target], [reason] if reason else [])

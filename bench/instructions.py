"""How many instructions does a call cost more than with libc alone?"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from .calls import SINGLE, WALKING, Caller, EntryPoint, takes_descriptor, takes_name
from .report import Section, Table, Target
from .setting import CACHED, Bench, absent

NAME = "instructions"
METHOD = """\
User instructions of one call beyond those of bare libc, counted by single-stepping: the median of several
calls, without what the shim does once a second when its cache ends. callgrind's count beside it is a
cross-check; it does not see the vDSO's clock, so only honest entries can be compared. Honest entries lie
on ext4, lying ones on a go-fuse mount. *By name* the shim knows only that the mount is in scope;
*proven*, a descriptor has shown that it lies. libfaketime knows only some of the entry points."""

# The first is in the tree, the others are links to it. Which of them get a second look, and how close a one?
NAMES = ["readme.txt", "Season 01", "2001.mkv", "TV", "about", "2001", "root"]
NAMED = "film{}.mkv"
HONEST_LIMIT, CORRECTED_LIMIT = 20, 150


class _Counts:
    """Differences to bare libc."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.calls = bench.scaled(25, 9)
        self._bare: dict[tuple[str, bool], int] = {}

    def bare(self, entry: EntryPoint, how: str, where: Path, target: str) -> int:
        """libc does not look at the name, so one count serves for all."""
        key = entry.name, how == "descriptor"
        if key not in self._bare:
            caller = Caller(self.bench, entry.name, how, where, target)
            self._bare[key] = caller.stepped(self.bench.peers["bare"], self.calls)[0]
        return self._bare[key]

    def more(self, peer: str, entry: EntryPoint, how: str, where: Path, target: str) -> int | str:
        if peer not in self.bench.peers:
            return ""
        caller = Caller(self.bench, entry.name, how, where, target)
        counted = caller.stepped(self.bench.peers[peer], self.calls)[0]
        return counted - self.bare(entry, how, where, target)


def _honest(bench: Bench, counts: _Counts, where: Path) -> tuple[Table, list[int]]:
    rows, shim = [], []
    simulate = not absent("valgrind") and not bench.quick
    for entry in SINGLE:
        how = "name" if takes_name(entry) else "descriptor"
        more = partial(counts.more, entry=entry, how=how, where=where, target=NAMED.format(0))
        caller = Caller(bench, entry.name, how, where, NAMED.format(0))
        simulated: object = ""
        if simulate:
            simulated = round(caller.simulated(bench.peers["shim"]) - caller.simulated(bench.peers["bare"]))
        shim.append(int(more("shim")))
        bare = counts.bare(entry, how, where, NAMED.format(0))
        rows.append([f"`{entry.name}`", bare, shim[-1], simulated, more("libfaketime"), more("fakeroot")])
    header = ["entry point", "bare libc", "shim", "shim, callgrind", "libfaketime", "fakeroot"]
    return Table(header, rows, "An honest entry: what is added to bare libc's instructions."), shim


def _corrected(counts: _Counts, where: Path) -> tuple[Table, list[int]]:
    targets = {"file": "movies/poster.jpg", "folder": "movies"}
    situations = [
        *(("name", f"by name, {kind}", str(where / name)) for kind, name in targets.items()),
        *(("name", f"by relative name, {kind}", name) for kind, name in targets.items()),
        *(("proven", f"proven, {kind}", str(where / name)) for kind, name in targets.items()),
        *(("descriptor", f"by descriptor, {kind}", str(where / name)) for kind, name in targets.items()),
    ]
    rows, all_counts = [], []
    for entry in SINGLE:
        row: list[object] = [f"`{entry.name}`"]
        for how, _, target in situations:
            possible = takes_descriptor(entry) if how == "descriptor" else takes_name(entry)
            row.append(counts.more("shim", entry, how, where, target) if possible else "")
        all_counts += [count for count in row if isinstance(count, int)]
        rows.append(row)
    header = ["entry point", *(title for _, title, _ in situations)]
    caption = "A corrected entry: what the shim adds to bare libc's instructions."
    return Table(header, rows, caption), all_counts


def _names(counts: _Counts, where: Path) -> Table:
    (entry,) = (entry for entry in SINGLE if entry.name == "fstatat")
    rows = [[f"`{name}`", counts.more("shim", entry, "name", where, name)] for name in NAMES]
    return Table(["relative name", "shim"], rows, "A corrected `fstatat` of a file, by the look of the name.")


def _walks(bench: Bench, honest: list[Path], lying: list[Path]) -> tuple[Table, list[float], list[float]]:
    rows, honest_added, corrected_added = [], [], []
    walks = bench.scaled(5, 3)

    def for_an_entry(entry: EntryPoint, peer: str, folders: list[Path]) -> float:
        """The difference between a tree of more entries and one of fewer."""
        callers = (Caller(bench, entry.name, "name", folder.parent, folder.name) for folder in folders)
        (less, few), (more, many) = (caller.stepped(bench.peers[peer], walks) for caller in callers)
        return (more - less) / (many - few)

    for entry in WALKING[:: bench.scaled(1, 2)]:
        bare, other = (for_an_entry(entry, "bare", trees) for trees in (honest, lying))
        honest_added.append(for_an_entry(entry, "shim", honest) - bare)
        corrected_added.append(for_an_entry(entry, "shim", lying) - other)
        counts = bare, honest_added[-1], corrected_added[-1]
        rows.append([f"`{entry.name}`", *(f"{count:.0f}" for count in counts)])
    header = ["entry point", "bare libc", "shim, honest", "shim, corrected"]
    return Table(header, rows, "Walks, for each entry visited."), honest_added, corrected_added


def _filled(folder: Path, files: int) -> Path:
    folder.mkdir()
    for number in range(files):
        (folder / NAMED.format(number)).touch()
    return folder


def measure(bench: Bench) -> Section:
    honest = _filled(bench.folder / "honest", 1)
    counts = _Counts(bench)
    sizes = {"few": 1, "many": 7}
    with ExitStack() as stack:
        links = [f"{name}=readme.txt" for name in NAMES[1:]]
        lying = stack.enter_context(bench.mount("lying", link=links, **CACHED)).path
        honest_table, honest_counts = _honest(bench, counts, honest)
        corrected_table, corrected_counts = _corrected(counts, lying)
        names_table = _names(counts, lying)
        trees = [_filled(honest / name, files) for name, files in sizes.items()]
        lying_trees = []
        for name, files in sizes.items():
            links = [f"{NAMED.format(number)}=d00000/f0000" for number in range(files)]
            lying_trees.append(
                stack.enter_context(bench.mount(name, entries=2, fanout=1, link=links, **CACHED)).path
            )
        walks_table, *walk_counts = _walks(bench, trees, lying_trees)
    honest_text = f"at most {HONEST_LIMIT} more for an honest entry"
    corrected_text = f"at most {CORRECTED_LIMIT} more for a corrected one"
    return Section(
        NAME,
        "Instructions a call",
        METHOD,
        [honest_table, corrected_table, names_table, walks_table],
        [
            Target(f"{honest_text}, worst of the stat family", max(honest_counts), HONEST_LIMIT),
            Target(f"{corrected_text}, worst of the stat family", max(corrected_counts), CORRECTED_LIMIT),
            Target(f"{honest_text}, worst of the walks", max(walk_counts[0]), HONEST_LIMIT),
            Target(f"{corrected_text}, worst of the walks", max(walk_counts[1]), CORRECTED_LIMIT),
        ],
        [reason for peer in ("faketime", "fakeroot", "valgrind") if (reason := absent(peer))],
    )

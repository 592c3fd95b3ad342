"""How the processes of status are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from nlinkshim.engines.status.result import Process, Survey
from nlinkshim.output.json import document
from nlinkshim.output.lines import fitted
from nlinkshim.output.table import as_table
from nlinkshim.output.text import GREEN, RED, YELLOW, printable

SCHEMA = "nlinkshim.status/1"

HEADS = ("PID", "PROCESS", "SHIM", "VERSION", "SCOPE", "CORRECTED", "LEFT ALONE")
NUMBERS = ("PID", "CORRECTED", "LEFT ALONE")
MOST_NAMED = 5  # processes before a problem that they share


def as_json(survey: Survey) -> str:
    """The document of schema nlinkshim.status/1."""
    return document(SCHEMA, processes=[asdict(process) for process in survey.processes])


def as_text(survey: Survey, before: Survey | None = None, width: int | None = None) -> str:
    """A table, children below their parents; then what is wrong with them. `before`: also how counters grew
    since. `width`: of the terminal. Empty if there is no process."""
    if not survey.processes:
        return ""
    earlier = {process.pid: process for process in before.processes} if before else {}
    rows: list[tuple[str, ...]] = []
    colours = []
    ordered = list(tree(survey.processes))
    heads: dict[int, int] = {}  # the first process shown of each family
    for depth, process in ordered:
        head = process.pid if process.family is None else heads.setdefault(process.family, process.pid)
        word, colour = _state(process)
        colours.append(colour)
        rows.append(
            (
                str(process.pid),
                "  " * depth + printable(process.name),
                word,
                process.shim_version or "-",
                printable(process.scope or "-"),
                _counter("corrected", process, earlier, head),
                _counter("left_alone", process, earlier, head),
            )
        )
    table = as_table(
        HEADS,
        rows,
        numbers=NUMBERS,
        colours=("SHIM", colours),
        width=width,
        flexible=("PROCESS", "SCOPE"),
        dropped=("VERSION", "LEFT ALONE"),
    )
    problems = _problems(process for _, process in ordered)
    return "\n".join([table, *(fitted(problem, width) for problem in problems)])


def _problems(processes: Iterable[Process]) -> Iterator[str]:
    """A line for each problem, whichever processes have it: a server's children mostly share theirs."""
    having: dict[str, list[str]] = {}
    for process in processes:
        if process.problem:
            having.setdefault(process.problem, []).append(str(process.pid))
    for problem, pids in having.items():
        more = f" and {len(pids) - MOST_NAMED} more" if len(pids) > MOST_NAMED else ""
        yield f"{', '.join(pids[:MOST_NAMED])}{more}: {printable(problem)}"


def tree(processes: Sequence[Process]) -> Iterator[tuple[int, Process]]:
    """Each process with its depth, a parent before its children. Parents that do not match leave none out."""
    pids = {process.pid for process in processes}
    children: dict[int, list[Process]] = {}
    for process in processes:
        parent = process.ppid if process.ppid in pids and process.ppid != process.pid else 0
        children.setdefault(parent, []).append(process)

    waiting = [(0, process) for process in reversed(children.pop(0, []))]
    while waiting:
        depth, process = waiting.pop()
        yield depth, process
        waiting += [(depth + 1, child) for child in reversed(children.pop(process.pid, []))]
    for rest in children.values():  # parents given anew while we looked: a ring
        yield from ((0, process) for process in rest)


def _state(process: Process) -> tuple[str, str]:
    if process.mapped is None:
        return "unknown", YELLOW
    if process.effective:
        return "effective", YELLOW if process.problem else GREEN
    return ("ineffective" if process.mapped else "missing"), RED


def _counter(name: str, process: Process, earlier: Mapping[int, Process], head: int) -> str:
    if head != process.pid:
        return f"with {head}"
    value = getattr(process, name)
    if value is None:
        return "-"
    then = getattr(earlier[process.pid], name) if process.pid in earlier else None
    grown = f" (+{value - then:,})" if then is not None and value > then else ""
    return f"{value:,}{grown}"

"""tests/probe, built in several forms, and its output parsed."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .table import ENTRY_POINTS, SHIM_SOURCES

SOURCES = Path(__file__).parent.parent / "probe"
FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", f"-iquote{SHIM_SOURCES}"]
PARTS = ["probe.c", "scenes.c", "walks.c", "storms.c"]

# One row a form: what it is built from. {out} is the folder of the build.
FORMS: dict[str, list[list[str]]] = {
    "program": [[*PARTS, "main.c", "-ldl", "-o", "{out}/program"]],
    "library": [
        [*PARTS, "-shared", "-fPIC", "-ldl", "-o", "{out}/libprobe.so"],
        ["main.c", "-L{out}", "-lprobe", "-Wl,-rpath,{out}", "-o", "{out}/library"],
    ],
    "constructor": [
        ["early.c", "-shared", "-fPIC", "-o", "{out}/libearly.so"],
        ["early_main.c", "-L{out}", "-learly", "-Wl,-rpath,{out}", "-o", "{out}/constructor"],
    ],
}
# musl has no IFUNC, and its static library not every name.
GLIBC_FORMS = {
    "static": [
        [*PARTS, "main.c", "-static", "-DPROBE_STATIC", "-o", "{out}/static"]
        + [f"-Wl,-u,{entry.name}" for entry in ENTRY_POINTS if not entry.name.startswith("__")]
    ],
} | {
    f"ifunc-{binding}": [
        ["ifunc.c", "-shared", "-fPIC", f"-Wl,-z,{binding}", *plt, "-o", f"{{out}}/libifunc-{binding}.so"],
        [
            "early_main.c",
            "-L{out}",
            f"-lifunc-{binding}",
            "-Wl,-rpath,{out}",
            "-o",
            f"{{out}}/ifunc-{binding}",
        ],
    ]
    for binding, plt in {"now": ["-fno-plt"], "lazy": []}.items()
}

# What a container engine's filter answers to calls that it does not know.
MOUNTINFO_ONLY = ("deny", "statmount=38", "deny", "listmount=38")


@dataclass(frozen=True)
class Call:
    """One answer of the stat family."""

    name: str
    returned: int
    errno: int
    nlink: int
    mode: int
    content: bytes  # the caller's structure, filled with 0xa5 before the call
    same: bool  # every repetition gave this answer


@dataclass(frozen=True)
class Step:
    """One entry of a walk. `nlink` is None where the walk says that it did not stat."""

    name: str
    path: str
    info: int
    nlink: int | None
    mode: int
    place: int  # fts_nlink, or nftw's level and base


@dataclass(frozen=True)
class Output:
    calls: list[Call]
    steps: list[Step]
    absent: list[str]
    other: list[list[str]]

    @property
    def call(self) -> Call:
        assert len(self.calls) == 1, self
        return self.calls[0]

    @property
    def nlinks(self) -> list[int]:
        return [call.nlink for call in self.calls]

    def storm(self) -> dict[str, int]:
        """The counters of the one storm that ran."""
        (fields,) = [fields for kind, *fields in self.other if kind == "storm"]
        return {key: int(value) for key, _, value in (field.partition("=") for field in fields[1:])}


def parse(text: str) -> Output:
    output = Output([], [], [], [])
    for line in text.splitlines():
        kind, *fields = line.split("\t")
        if kind == "call":
            name, returned, errno, nlink, mode, content, same = fields
            output.calls.append(
                Call(
                    name,
                    int(returned),
                    int(errno),
                    int(nlink),
                    int(mode, 8),
                    bytes.fromhex(content),
                    same == "1",
                )
            )
        elif kind == "entry":
            name, path, info, nlink, mode, place = fields
            known = None if nlink == "999" else int(nlink)
            output.steps.append(Step(name, path, int(info), known, int(mode, 8), int(place)))
        elif kind == "absent":
            output.absent.append(fields[0])
        else:
            output.other.append([kind, *fields])
    return output


@dataclass(frozen=True)
class Probe:
    """The probe in one form, for one C library."""

    program: Path
    first: tuple[str, ...] = ()  # verbs that come before all others

    def run(
        self,
        *words: object,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 30.0,
    ) -> Output:
        return parse(self.text(*words, env=env, cwd=cwd, timeout=timeout))

    def text(
        self,
        *words: object,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 30.0,
    ) -> str:
        done = processes.run(
            self.command(*words), env=None if env is None else dict(env), cwd=cwd, timeout=timeout
        )
        return done.stdout

    def command(self, *words: object) -> list[str]:
        return [str(self.program), *self.first, *(str(word) for word in words)]

    @contextlib.contextmanager
    def paused(self, *words: object, env: Mapping[str, str] | None = None) -> Iterator[Paused]:
        """Start a script with `pause` verbs in it."""
        process = subprocess.Popen(
            self.command(*words),
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Paused(process)
        finally:
            process.kill()
            process.communicate()


class Paused:
    """A probe that waits at its `pause` verbs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def until(self, label: str) -> Output:
        """What it printed until the pause of this label."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            if line == f"paused\t{label}\n":
                return parse("".join(lines))
            lines.append(line)
        raise AssertionError(f"the probe ended before {label}: {lines}")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rest(self, timeout: float = 10.0) -> Output:
        """Let it go on, and what it printed to its end."""
        text, _ = self.process.communicate("\n", timeout)
        assert self.process.returncode == 0, text
        return parse(text)


def build(compiler: str, out: Path) -> dict[str, Probe]:
    """Every form that `compiler` (gcc, musl-gcc) can make."""
    out.mkdir(parents=True, exist_ok=True)
    forms = FORMS | (GLIBC_FORMS if compiler == "gcc" else {})
    for steps in forms.values():
        for step in steps:
            processes.run(
                [compiler, *FLAGS, *(word.format(out=out) for word in step)], cwd=SOURCES, timeout=120
            )
    return {name: Probe(out / name) for name in forms}

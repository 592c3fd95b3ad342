"""Other machines: their C libraries as Debian has them, programs as zig compiles them, qemu to run both.

All of it is of Debian 13: an older qemu shows its programs no vDSO, and no older Debian has musl for riscv64.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nlinkshim.elf.machines import named

from . import processes
from .preload import bare
from .probe import PARTS, SOURCES, Output, parse
from .table import SHIM_SOURCES, WHEELS

CACHE = Path(__file__).parents[2] / "build" / "foreign"
SUITE, MIRROR = "trixie", "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
STATE = {"corrected": 0, "left_alone": 1, "last_revalidation": 2}


class UnavailableError(Exception):
    """What is needed to run other machines' programs cannot be had."""


@dataclass(frozen=True)
class Machine:
    """`zig`: its name, of glibc's interface, of musl's; further words to the compiler."""

    name: str  # as uname -m
    debian: str
    qemu: str
    zig: tuple[str, str, str]
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def fact(self, name: str) -> int:
        """A constant of csrc/shim/machines/."""
        text = (SHIM_SOURCES / "machines" / f"{self.name}.h").read_text()
        found = re.search(rf"\b{name} = (\w+)", text)
        assert found, f"{self.name}.h has no {name}"
        return int(found[1], 0)

    @property
    def nlink_field(self) -> slice:
        text = (SHIM_SOURCES / "machines" / f"{self.name}.h").read_text()
        found = re.search(r"typedef uint(\d+)_t .*stat_nlink_t", text)
        assert found
        start = self.fact("STAT_NLINK")
        return slice(start, start + int(found[1]) // 8)

    @property
    def order(self) -> str:
        return "big" if self.name == "s390x" else "little"

    @property
    def bits(self) -> int:
        return 32 if self.name in ("armv7l", "i686") else 64

    @property
    def triplet(self) -> str:
        """Debian's name of it, in the folders of its cross compilers' packages."""
        row = named(self.name)
        assert row
        return row.triplets[0].replace("i386", "i686")

    def compiler(self, libc: str, glibc: str = "2.36") -> list[str]:
        name, gnu, musl = self.zig
        target = f"{name}-linux-{gnu}.{glibc}" if libc == "glibc" else f"{name}-linux-{musl}"
        dynamic = [] if libc == "glibc" else ["-dynamic"]
        return [sys.executable, "-m", "ziglang", "cc", "-target", target, *dynamic, *self.words]


MACHINES = [
    Machine("aarch64", "arm64", "aarch64", ("aarch64", "gnu", "musl")),
    Machine("riscv64", "riscv64", "riscv64", ("riscv64", "gnu", "musl")),
    Machine("ppc64le", "ppc64el", "ppc64le", ("powerpc64le", "gnu", "musl")),
    Machine("s390x", "s390x", "s390x", ("s390x", "gnu", "musl")),
    Machine("armv7l", "armhf", "arm", ("arm", "gnueabihf", "musleabihf")),
    Machine("i686", "i386", "i386", ("x86", "gnu", "musl"), ("-mcpu=i686",)),
]
# The oldest that zig links programs of the tests to, if not 2.17; before 2.33 stat is an inline function.
# (Headers for ppc64le ask for names of 2.32.)
OLDEST_GLIBC = {"riscv64": "2.31", "ppc64le": "2.32"}


def _apt(folder: Path, *command: str) -> None:
    """apt of the suite, for all these machines, which leaves the system's lists alone."""
    architectures = ["amd64", *(machine.debian for machine in MACHINES)]
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    signed = f"[signed-by={KEYRING} arch={','.join(architectures)}]"
    (folder / "sources.list").write_text(f"deb {signed} {MIRROR} {SUITE} main\n")
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    listed = " ".join(f'"{architecture}";' for architecture in architectures)
    lines = [f'{name} "{value}";' for name, value in settings.items()]
    (folder / "apt.conf").write_text("\n".join([*lines, f"APT::Architectures {{ {listed} }};\n"]))
    environment = bare(APT_CONFIG=str(folder / "apt.conf"))
    done = processes.run([*command], env=environment, cwd=folder, timeout=300, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"{' '.join(command[:2])}: {done.stderr.strip()[-300:]}")


def _unpack(package: Path, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    processes.run(["dpkg", "-x", str(package), str(into)], timeout=120)
    for name in ("lib", "lib64"):
        if (into / "usr" / name).is_dir() and not (into / name).exists():
            (into / name).symlink_to(f"usr/{name}")


def _fetch(folder: Path) -> None:
    _apt(folder, "apt-get", "update", "-qq")
    glibc = [f"libc6-{machine.debian}-cross" for machine in MACHINES]
    musl = [f"musl:{machine.debian}" for machine in MACHINES]
    _apt(folder, "apt-get", "download", "-qq", "qemu-user", *glibc, *musl)
    for machine in MACHINES:
        (package,) = folder.glob(f"libc6-{machine.debian}-cross_*.deb")
        _unpack(package, folder / "cross")
        (package,) = folder.glob(f"musl_*_{machine.debian}.deb")
        _unpack(package, folder / "musl" / machine.name)
    (folder / "glibc").mkdir()
    for machine in MACHINES:
        shutil.move(folder / "cross/usr" / machine.triplet, folder / "glibc" / machine.name)
    shutil.rmtree(folder / "cross")
    (package,) = folder.glob("qemu-user_*.deb")
    _unpack(package, folder / "whole")
    (folder / "qemu").mkdir()
    for machine in MACHINES:  # it has some 40 more
        program = f"qemu-{machine.qemu}"
        shutil.move(folder / "whole/usr/bin" / program, folder / "qemu" / program)
    shutil.rmtree(folder / "whole")
    for leftover in (*folder.glob("*.deb"), folder / "lists", folder / "cache"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


@cache
def obtain() -> Path:
    """The folder with qemu and the C libraries, fetched once.

    Raises:
        UnavailableError: apt does not give them.
    """
    ready = CACHE / SUITE
    if not ready.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        # Only what is complete gets the name under which it is looked for.
        with tempfile.TemporaryDirectory(prefix="unfinished-", dir=CACHE) as temporary:
            _fetch(Path(temporary, SUITE))
            Path(temporary, SUITE).rename(ready)
    return ready


def shim_of(machine: Machine, folder: Path) -> Path:
    """The shim out of the wheel that NLINKSHIM_WHEELS has for the machine, else built as for that."""
    target = folder / "libnlinkshim.so"
    folder.mkdir(parents=True, exist_ok=True)
    wheels = os.environ.get("NLINKSHIM_WHEELS")
    for wheel in sorted(Path(wheels).glob(f"*manylinux*_{machine.name}.whl")) if wheels else []:
        target.write_bytes(zipfile.ZipFile(wheel).read("nlinkshim/libnlinkshim.so"))
        return target
    program = (
        "import os, shlex, sys; from pathlib import Path; import native, targets;"
        "(target,) = [t for t in targets.TARGETS if (t.machine, t.libc) == (sys.argv[1], 'glibc')];"
        "os.environ['CC'] = shlex.join([sys.executable, *target.compiler]);"
        "native.build_shim(Path(sys.argv[2]), Path(sys.argv[2] + '.objects'), '0')"
    )
    processes.run(
        [sys.executable, "-c", program, machine.name, str(target)], env=bare(), cwd=WHEELS, timeout=300
    )
    return target


@dataclass(frozen=True)
class Foreign:
    """The programs of the tests for one machine and C library, with what runs them."""

    machine: Machine
    libc: str
    folder: Path

    def command(
        self, program: str, *words: object, preload: Path | None = None, **variables: str
    ) -> list[str]:
        """`variables` are the program's alone, and so is the preload."""
        top = obtain()
        given = {**variables, **({"LD_PRELOAD": str(preload)} if preload else {})}
        settings = [word for name, value in given.items() for word in ("-E", f"{name}={value}")]
        qemu = top / "qemu" / f"qemu-{self.machine.qemu}"
        root = top / self.libc / self.machine.name
        return [str(qemu), *settings, "-L", str(root), str(self.folder / program), *map(str, words)]

    def text(
        self,
        program: str,
        *words: object,
        preload: Path | None = None,
        cwd: Path | None = None,
        **variables: str,
    ) -> str:
        command = self.command(program, *words, preload=preload, **variables)
        return processes.run(command, env=bare(), cwd=cwd, timeout=100).stdout

    def probe(self, *words: object, **options: object) -> Output:
        return parse(self.text("program", *words, **options))  # type: ignore[arg-type]


# What direct.c is compiled as: against which glibc, with which flags; on 32-bit machines.
DIRECT: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "direct-old": (None, ()),
    "direct": ("2.36", ()),
    "direct-large": ("2.36", ("-D_FILE_OFFSET_BITS=64",)),
    "direct-time64": ("2.36", ("-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64")),
}


def build(machine: Machine, libc: str, folder: Path) -> Foreign:
    """Compile the probe, the libraries that call stat early, and callers by plain names."""
    folder.mkdir(parents=True)
    flags = ["-std=gnu11", "-O2", "-g0", "-Wall", "-Wextra", f"-iquote{SHIM_SOURCES}"]
    walks = ["walks_64.c", "walks_time64.c"] if machine.bits == 32 else []
    library = ["-shared", "-fPIC"]
    linked = ["-L.", "-Wl,-rpath,$ORIGIN"]
    inside = ["-Wl,--no-as-needed", "{out}/libinside.so", "{out}/libifunc.so", "-Wl,-z,lazy"]
    steps: list[tuple[str, list[str]]] = [
        ("2.36", [*PARTS, *walks, "main.c", "-pthread", "-ldl", "-o", "{out}/program"]),
        ("2.36", ["early.c", *library, "-o", "{out}/libearly.so"]),
        ("2.36", ["early_main.c", "{out}/libearly.so", *linked, "-o", "{out}/constructor"]),
    ]
    if libc == "glibc":
        steps += [
            ("2.36", ["ifunc.c", *library, "-o", "{out}/libifunc.so"]),
            ("2.36", ["early_main.c", "{out}/libifunc.so", "-Wl,-z,lazy", *linked, "-o", "{out}/ifunc"]),
            ("2.36", ["ifunc_inside.c", "{out}/libifunc.so", *library, *linked, "-o", "{out}/libinside.so"]),
            ("2.36", ["early_main.c", *inside, *linked, "-o", "{out}/inside"]),
        ]
    oldest = OLDEST_GLIBC.get(machine.name, "2.17")
    for name in DIRECT if libc == "glibc" else ("direct",):
        glibc, extra = DIRECT[name]
        if machine.bits == 32 or not extra:
            steps.append((glibc or oldest, ["direct.c", *extra, "-o", f"{{out}}/{name}"]))
    for version, words in steps:
        command = [*machine.compiler(libc, version), *flags, *(word.format(out=folder) for word in words)]
        done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return Foreign(machine, libc, folder)

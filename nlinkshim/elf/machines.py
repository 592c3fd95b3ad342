"""Machines, one row each: what tells them apart, where their libraries lie, whether they have a shim."""

from __future__ import annotations

from dataclasses import dataclass

from nlinkshim._version import __version__


@dataclass(frozen=True)
class Machine:
    """`name` is uname -m's, and the end of a wheel's tag."""

    name: str
    number: int  # e_machine
    bits: int
    order: str  # little, big
    triplets: tuple[str, ...] = ()  # Debian's folders of this machine's libraries
    lib: str = "lib"  # others' folder of it
    hwcaps: tuple[str, ...] = ()  # subfolders for better processors that glibc looks into first
    platforms: tuple[str, ...] = ()  # what $PLATFORM may stand for
    has_shim: bool = False  # csrc/shim/machines/ has a file for it, wheels/targets.py its wheels

    @property
    def wheel(self) -> str:
        """The file name of the wheel with this machine's shim, but for the age of libc in it."""
        return f"nlinkshim-{__version__}-cp310-abi3-*_{self.name}.whl"


def _levels(*names: str) -> tuple[str, ...]:
    return tuple(f"glibc-hwcaps/{name}" for name in names)


MACHINES = (
    Machine(
        "x86_64",
        62,
        64,
        "little",
        ("x86_64-linux-gnu",),
        "lib64",
        _levels("x86-64-v4", "x86-64-v3", "x86-64-v2"),
        ("x86_64", "haswell", "xeon_phi"),
        has_shim=True,
    ),
    Machine("i686", 3, 32, "little", ("i386-linux-gnu",), platforms=("i686", "i586", "i386"), has_shim=True),
    # glibc before 2.37 looked into "atomics" where the processor has LSE
    Machine(
        "aarch64",
        183,
        64,
        "little",
        ("aarch64-linux-gnu",),
        "lib64",
        ("atomics",),
        ("aarch64",),
        has_shim=True,
    ),
    Machine(
        "armv7l",
        40,
        32,
        "little",
        ("arm-linux-gnueabihf", "arm-linux-gnueabi"),
        platforms=("v7l", "v8l", "v6l"),
        has_shim=True,
    ),
    Machine("riscv64", 243, 64, "little", ("riscv64-linux-gnu",), "lib64", has_shim=True),
    Machine(
        "ppc64le",
        21,
        64,
        "little",
        ("powerpc64le-linux-gnu",),
        "lib64",
        _levels("power10", "power9"),
        ("power10", "power9", "power8"),
        has_shim=True,
    ),
    Machine(
        "s390x",
        22,
        64,
        "big",
        ("s390x-linux-gnu",),
        "lib64",
        _levels("z16", "z15", "z14", "z13"),
        ("z16", "z15", "z14", "z13"),
        has_shim=True,
    ),
    Machine("x32", 62, 32, "little", ("x86_64-linux-gnux32",), "libx32"),
    Machine("ppc64", 21, 64, "big", ("powerpc64-linux-gnu",), "lib64"),
    Machine("loongarch64", 258, 64, "little", ("loongarch64-linux-gnu",), "lib64"),
)

_BY_KIND = {(machine.number, machine.bits, machine.order): machine for machine in MACHINES}

# What people and container tools call them besides.
_ALIASES = {
    "amd64": "x86_64",
    "x86-64": "x86_64",
    "i386": "i686",
    "x86": "i686",
    "arm64": "aarch64",
    "armhf": "armv7l",
    "arm": "armv7l",
    "ppc64el": "ppc64le",
}


def machine_of(number: int, bits: int, order: str) -> Machine:
    """The row for an ELF header's e_machine, class and encoding; one without a shim where there is none."""
    unknown = Machine(f"machine {number} ({bits}-bit, {order}-endian)", number, bits, order)
    return _BY_KIND.get((number, bits, order), unknown)


def canonical(name: str) -> str:
    """The name of a row for what `name` means, or `name` itself."""
    return _ALIASES.get(name.lower(), name.lower())


def named(name: str) -> Machine | None:
    """The row for what people call a machine, or None."""
    return next((machine for machine in MACHINES if machine.name == canonical(name)), None)

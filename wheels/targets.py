"""The wheels that are made: for each machine of the shim two, each with the oldest C library that runs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """`machine` is uname -m's, and the end of a wheel's tag; `zig` tells zig what to compile for."""

    machine: str
    libc: str  # glibc, musl
    platform: str  # the beginning of the tag
    zig: tuple[str, ...]

    @property
    def tag(self) -> str:
        return f"{self.platform}_{self.machine}"

    @property
    def compiler(self) -> tuple[str, ...]:
        """What $CC is to be, but for the Python that has ziglang."""
        return ("-m", "ziglang", "cc", "-target", *self.zig)


# machine: zig's name of it, of glibc's and musl's interface, the oldest glibc, further words
_MACHINES: dict[str, tuple[str, str, str, str, tuple[str, ...]]] = {
    "x86_64": ("x86_64", "gnu", "musl", "2.17", ()),
    "aarch64": ("aarch64", "gnu", "musl", "2.17", ()),
    "riscv64": ("riscv64", "gnu", "musl", "2.31", ()),
    # of glibc 2.17 zig knows no names for this one; those of 2.19 that are used are as old
    "ppc64le": ("powerpc64le", "gnu", "musl", "2.19", ()),
    "s390x": ("s390x", "gnu", "musl", "2.17", ()),
    "armv7l": ("arm", "gnueabihf", "musleabihf", "2.17", ()),
    # without SSE, as Debian's i386
    "i686": ("x86", "gnu", "musl", "2.17", ("-mcpu=i686",)),
}
_MANYLINUX = {"riscv64": "manylinux_2_31"}


def _targets(machine: str) -> tuple[Target, Target]:
    name, gnu, musl, glibc, words = _MACHINES[machine]
    manylinux = _MANYLINUX.get(machine, "manylinux_2_17")
    return (
        Target(machine, "glibc", manylinux, (f"{name}-linux-{gnu}.{glibc}", *words)),
        Target(machine, "musl", "musllinux_1_2", (f"{name}-linux-{musl}", *words)),
    )


TARGETS = tuple(target for machine in _MACHINES for target in _targets(machine))

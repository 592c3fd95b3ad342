"""A host that lacks something which nlinkshim could do with. `python lacking.py LACK -- ARGUMENTS` runs it
there; LACK is JSON of the fields of Lack."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

# asm/unistd.h; x86-64 and what all newer machines share
NUMBERS = {
    "x86_64": {"mmap": 9, "statx": 332, "memfd_create": 319, "pidfd_open": 434},
    "aarch64": {"mmap": 222, "statx": 291, "memfd_create": 279, "pidfd_open": 434},
}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2


@dataclass(frozen=True)
class Lack:
    """`attributes` of Python's os that are missing, system calls that are `denied` with an errno, descriptors
    that are `closed`."""

    attributes: tuple[str, ...] = ()
    denied: Mapping[str, int] = field(default_factory=dict)
    closed: tuple[int, ...] = ()


def deny(call: str, error: int, argument: tuple[int, int] | None = None) -> None:
    """Have a system call fail from now on, in what is executed later too; given the number of an argument and
    a value, only where the argument has that value (its low 32 bits, on a little-endian machine)."""
    number, value = argument or (0, 0)
    filters = [  # linux/filter.h: load the number; another one passes; the same for the argument
        (0x20, 0, 0, 0),
        (0x15, 0, 3 if argument else 1, NUMBERS[os.uname().machine][call]),
        *([(0x20, 0, 0, 16 + 8 * number), (0x15, 0, 1, value)] if argument else []),
        (0x06, 0, 0, 0x50000 | error),
        (0x06, 0, 0, 0x7FFF0000),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in filters)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(filters), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no filter")


def run(
    lack: Lack, *arguments: object, env: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """`nlinkshim ARGUMENTS`, lacking this. What it writes to a closed stream nobody sees."""
    return subprocess.run(
        [sys.executable, __file__, json.dumps(asdict(lack)), "--", *map(str, arguments)],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def _without(attributes: list[str]) -> str:
    return "import os; " + "".join(
        f"hasattr(os, {name!r}) and delattr(os, {name!r}); " for name in attributes
    )


def _interpreter_without(attributes: list[str], folder: str) -> str:
    """A Python that lacks attributes of os, for `-c` in third place as nlinkshim starts its children."""
    path = Path(folder, "python")
    path.write_text(
        f'#!/bin/sh\na=$1 b=$2 code=$4\nexec {shlex.quote(sys.executable)} "$a" "$b" -c'
        f' {shlex.quote(_without(attributes))}"$code"\n'
    )
    path.chmod(0o755)
    return str(path)


def main() -> int:
    lack, arguments = json.loads(sys.argv[1]), sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        program = _interpreter_without(lack["attributes"], folder) if lack["attributes"] else sys.executable
        code = (
            f"{_without(lack['attributes'])}import sys; sys.executable = {program!r};"
            " from nlinkshim.commands import main; sys.exit(main())"
        )
        command = [sys.executable, "-c", code, *arguments]

        def take_away() -> None:
            for call, error in lack["denied"].items():
                deny(call, error)
            for descriptor in lack["closed"]:
                os.close(descriptor)

        return subprocess.run(command, check=False, preexec_fn=take_away).returncode


if __name__ == "__main__":
    sys.exit(main())

"""The process into which the loader injects the shim: it walks, and writes what it finds into shared memory.

It is started with only what it needs (no site packages but cffi's) and told everything in one argument.
"""

from __future__ import annotations

import mmap
import os
import sys

from nlinkshim._walker import ffi, lib

TYPE_CHECKING = False  # as type checkers know it; importing typing takes 4 ms
if TYPE_CHECKING:
    from typing import Any

_LISTS = ("excludes", "local_types")


def main(told: dict[str, Any]) -> None:
    os.setsid()  # Ctrl-C is the parent's business
    lib.walk_die_with_parent()
    with mmap.mmap(told["memory"], 0) as memory:
        report = ffi.from_buffer("struct walk_report *", memory)
        lib.walk_identify_shim(report)
        if ffi.string(report.shim_version).decode() == told["version"]:
            # Only pointers go into the structure: what they point to is kept alive here.
            lists = {name: [ffi.new("char[]", os.fsencode(word)) for word in told[name]] for name in _LISTS}
            ended = {name: ffi.new("char *[]", [*words, ffi.NULL]) for name, words in lists.items()}
            options = ffi.new("struct walk_options *", {**told["options"], **ended})
            lib.walk_run(report, os.fsencode(told["path"]), options)
        sys.stdout.flush()
        os._exit(0)  # not through the interpreter's end: the mapping is still in use

"""The table of findings, gravest first. docs/audit.md is made of it, and the schema is checked against it."""

from __future__ import annotations

from typing import NamedTuple

from nlinkshim.engines.audit.result import Finding, Severity


class Kind(NamedTuple):
    """A finding. `harmless` tells where it is information all the same; None: nowhere."""

    id: str
    severity: Severity
    meaning: str
    harmless: str | None = None


_ERROR, _WARNING, _INFO = Severity
_SECURE = "started by another user it runs in secure mode (`AT_SECURE`): the loader ignores `LD_PRELOAD`"
_PLUG_IN = "for a plug-in, which then cannot be opened"

KINDS = (
    Kind("static", _ERROR, "no loader takes part"),
    Kind("go", _ERROR, "Go calls the kernel without libc, also when linked dynamically"),
    Kind("setuid", _ERROR, _SECURE),
    Kind("setgid", _ERROR, _SECURE),
    Kind("capabilities", _ERROR, _SECURE),
    Kind("wrong-machine", _ERROR, "another class or machine than the shim's"),
    Kind("no-shim", _ERROR, "no shim is made for that machine"),
    Kind("loader-missing", _ERROR, "the program cannot start here at all"),
    Kind("not-elf", _ERROR, "neither an ELF file nor a script"),
    Kind("not-a-program", _ERROR, "a shared object, an object file or a core dump"),
    Kind("damaged", _ERROR, "nothing that a loader would start"),
    Kind("unreadable", _ERROR, "the file cannot be read"),
    Kind("preload-dropped", _ERROR, "env in a script's `#!` line takes `LD_PRELOAD` away or sets it anew"),
    Kind("script-broken", _ERROR, "the kernel, or env in the `#!` line, starts nothing: the reason is told"),
    Kind("script-loop", _ERROR, "env in the `#!` line names no program, and starts the script for ever"),
    Kind(
        "script-unknown",
        _WARNING,
        "what its `#!` line starts depends on a variable or on the working directory",
    ),
    Kind(
        "asan",
        _ERROR,
        "AddressSanitizer's runtime ends a process in which anything is preloaded before it",
        "where `ASAN_OPTIONS` or `LD_PRELOAD` here see to that, and for a plug-in",
    ),
    Kind("uncovered", _WARNING, "an entry point that the shim does not export"),
    Kind(
        "defined-by-program",
        _WARNING,
        "the program exports an entry point itself, and the loader finds that first",
        "for a sanitizer's interceptor, which passes calls on to the shim",
    ),
    Kind("missing-library", _WARNING, "a part of the closure is not known", _PLUG_IN),
    Kind("unknown-folder", _WARNING, "a search path names `$LIB`, and the loader does not tell what that is"),
    Kind("unusable-library", _WARNING, "a part of the closure is not known", _PLUG_IN),
    Kind(
        "deepbind",
        _WARNING,
        "NFS-Ganesha opens its FSALs with `RTLD_DEEPBIND`, past any preload",
        "for libldb, whose modules look at no share",
    ),
    Kind("dlmopen", _WARNING, "what is opened in a namespace of its own is out of reach", "for a plug-in"),
    Kind("go-library", _WARNING, "a library with Go code"),
    Kind("unknown-loader", _WARNING, "neither glibc's loader nor musl's"),
    Kind("foreign-machine", _INFO, "in an image: another wheel's shim belongs there, which is named"),
    Kind("coverage-unknown", _INFO, "in an image: only that other shim can tell"),
    Kind("script", _INFO, "what is audited is the interpreter; audit what the script starts, too"),
    Kind("syscall", _INFO, "the object imports `syscall(2)`: usual, and seldom for stat"),
    Kind("io-uring", _INFO, "a statx submitted there would go past the shim; smbd's module submits none"),
    Kind("dlopen", _INFO, "it opens libraries at run time that nobody has looked at"),
    Kind("seccomp", _INFO, "a filter that kills on the shim's calls cannot be survived"),
    Kind("no-entry-points", _INFO, "nothing in the closure imports an entry point by name"),
)
_BY_ID = {kind.id: kind for kind in KINDS}


def finding(
    id_: str, object_: str, reason: str, remedy: str | None = None, *, harmless: bool = False
) -> Finding:
    """A finding of the table, of the severity that it has there; `harmless`: as information."""
    kind = _BY_ID[id_]
    return Finding(kind.id, Severity.INFO if harmless else kind.severity, object_, reason, remedy)

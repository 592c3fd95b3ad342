"""What the facts of a program mean for a preload. Pure.

An error means that no preload can work there, a warning that a part of the calls would go past it,
information that there is nothing to do: the verdict follows from the gravest.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nlinkshim.elf.file import ElfFile
from nlinkshim.elf.machines import Machine
from nlinkshim.engines.audit.closure import Closure, Missing
from nlinkshim.engines.audit.kinds import finding
from nlinkshim.engines.audit.loader import Libc, Loaded
from nlinkshim.engines.audit.result import Finding, Severity, Verdict
from nlinkshim.shim.coverage import Shim

FRONT_MOUNT = "put a front mount before the lying one: bindfs --hide-hard-links, or an rclone mount"

_DF_1_PIE = 0x08000000


def judge(findings: Iterable[Finding]) -> Verdict:
    severities = {found.severity for found in findings}
    if Severity.ERROR in severities:
        return Verdict.UNREACHABLE
    return Verdict.PARTLY if Severity.WARNING in severities else Verdict.REACHABLE


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    order = list(Severity)
    return sorted(findings, key=lambda found: order.index(found.severity))


@dataclass(frozen=True)
class Privileges:
    """What makes the kernel start a program in secure mode (AT_SECURE). Ids as the file system has them."""

    setuid: int | None = None  # the owner, if the bit is set
    setgid: int | None = None
    capabilities: bool = False


def on_privileges(path: str, privileges: Privileges) -> Iterator[Finding]:
    ignored = "the kernel starts it in secure mode (AT_SECURE), in which the loader ignores LD_PRELOAD"
    if privileges.setuid is not None:
        yield finding(
            "setuid",
            path,
            f"it is setuid: unless uid {privileges.setuid} itself starts it, {ignored}",
            f"chmod u-s {path}, and start it as the user it is to run as",
        )
    if privileges.setgid is not None:
        yield finding(
            "setgid",
            path,
            f"it is setgid: unless gid {privileges.setgid} itself starts it, {ignored}",
            f"chmod g-s {path}, and start it as the group it is to run as",
        )
    if privileges.capabilities:
        yield finding(
            "capabilities",
            path,
            f"it has file capabilities: unless root starts it, {ignored}",
            f"setcap -r {path}, and give them to the service instead (systemd: AmbientCapabilities=)",
        )


def on_kind(path: str, elf: ElfFile) -> Iterator[Finding]:
    """Whether there is a loader at all, and libc between the program and the kernel."""
    if elf.is_go:
        linked = "dynamically linked" if elf.interpreter else "statically linked"
        yield finding(
            "go",
            path,
            f"it is a Go program ({linked}): its calls go to the kernel without libc",
            FRONT_MOUNT,
        )
    if elf.interpreter is not None:
        return
    if elf.type == "ET_EXEC" or (elf.type == "ET_DYN" and elf.flags_1 & _DF_1_PIE):
        if not elf.is_go:
            yield finding(
                "static",
                path,
                "it is statically linked: there is no loader to inject anything",
                f"take a dynamically linked build; or {FRONT_MOUNT}",
            )
        return
    kind = {"ET_DYN": "a shared object", "ET_REL": "an object file", "ET_CORE": "a core dump"}
    yield finding(
        "not-a-program",
        path,
        f"it is {kind.get(elf.type, 'an ELF file of an unknown type')}, not a program",
        "audit the program that loads it",
    )


def on_machine(path: str, machine: Machine, shim: Shim, shim_is_chosen: bool) -> Iterator[Finding]:
    """A foreign program is wrong for this very shim; but in an image its own wheel's shim will serve."""
    if machine == shim.machine:
        return
    if not machine.has_shim:
        yield finding("no-shim", path, f"it is for {machine.name}, and there is no shim for that machine")
        return
    take = f"take nlinkshim/libnlinkshim.so out of the wheel {machine.wheel}"
    if shim_is_chosen:
        yield finding(
            "wrong-machine",
            path,
            f"it is for {machine.name}, and the shim at hand ({shim.path}) for {shim.machine.name}",
            take,
        )
    else:
        yield finding("foreign-machine", path, f"it is for {machine.name}; another shim belongs there", take)


def on_loader(path: str, interpreter: str, libc: Libc) -> Iterator[Finding]:
    if libc == "unknown":
        yield finding(
            "unknown-loader",
            path,
            f"its loader {interpreter} is neither glibc's nor musl's: the shim was not made for it",
        )


def on_coverage(
    program: Loaded, imports: Mapping[str, Sequence[str]], shim: Shim, sanitized: bool
) -> Iterator[Finding]:
    """Imports that the shim leaves to libc, and definitions that come before the shim's. `sanitized`: the
    program has a sanitizer's runtime in it, whose interceptors call the next of the name."""
    for name in uncovered(imports, shim.covers):
        for path in imports[name]:
            if program.elf.machine == shim.machine:
                yield finding("uncovered", path, f"it imports {name}, which the shim does not cover")
            else:
                yield finding(
                    "coverage-unknown",
                    path,
                    f"it imports {name}, which the shim for {shim.machine.name} does not cover; that for"
                    f" {program.elf.machine.name} decides",
                    "nlinkshim audit --shim FILE, with the shim of that wheel",
                )
    for name in sorted(program.elf.exports & shim.covers):
        if sanitized:
            yield finding(
                "defined-by-program",
                program.path,
                f"it exports a {name} of its own, a sanitizer's, which passes the call on to the shim",
                harmless=True,
            )
            continue
        yield finding(
            "defined-by-program",
            program.path,
            f"it exports a {name} of its own, which the loader finds before any preload's",
            "build it with this name hidden (visibility attribute), or static",
        )
    if not imports and not program.elf.is_go:
        yield finding(
            "no-entry-points",
            program.path,
            "neither it nor any library of it imports a stat entry point: there is nothing to correct, or it"
            " looks them up at run time",
        )


def uncovered(imports: Iterable[str], covers: Collection[str]) -> list[str]:
    return sorted(name for name in imports if name not in covers)


@dataclass(frozen=True)
class _Sign:
    """Imports or needs that tell something of an object."""

    id: str
    imports: re.Pattern[str]
    needs: re.Pattern[str]
    reason: str


_NEVER = re.compile(r"(?!)")
_SIGNS = (
    _Sign(
        "syscall",
        re.compile("syscall"),
        _NEVER,
        "it imports syscall(2), usually for what libc has no function for; a stat made by it would go past"
        " the shim",
    ),
    _Sign(
        "io-uring",
        re.compile("io_uring_.*"),
        re.compile(r"liburing\.so"),
        "it uses io_uring; a statx submitted there would go past the shim (smbd's module submits reads,"
        " writes and fsyncs only)",
    ),
    _Sign(
        "seccomp",
        re.compile("seccomp_load"),
        re.compile(r"libseccomp\.so"),
        "it can install a seccomp filter; one that kills on the shim's own calls (openat, read, close, fcntl,"
        " readlinkat, newfstatat, write, statx) cannot be survived",
    ),
    _Sign(
        "dlopen",
        re.compile("dlopen"),
        _NEVER,
        "it opens libraries at run time that no header names; their calls reach the shim too unless it does"
        " so with RTLD_DEEPBIND, which an ELF file does not tell",
    ),
)
_DLMOPEN = "dlmopen"

# Libraries known to open others with RTLD_DEEPBIND, and what these are.
_DEEP_BINDERS = (
    (re.compile(r"libldb\.so\b"), "its database modules, which look at Samba's own files and at no share"),
)


def on_objects(closure: Closure, libc: Libc) -> Iterator[Finding]:
    program = closure.objects[0]
    for loaded in closure.objects:
        elf, path = loaded.elf, loaded.path
        if elf.is_go and loaded is not program:
            yield finding(
                "go-library", path, "it has Go code, whose calls go to the kernel without libc", FRONT_MOUNT
            )
        if _DLMOPEN in elf.imports:
            yield finding(
                _DLMOPEN,
                path,
                "it imports dlmopen: what it opens in another namespace is out of reach",
                harmless=loaded.plug_in,
            )
        for sign in _SIGNS:
            if any(map(sign.imports.fullmatch, elf.imports)) or any(map(sign.needs.match, elf.needed)):
                yield finding(sign.id, path, sign.reason)
    if libc == "glibc":  # others know no RTLD_DEEPBIND
        yield from _on_deep_binding(closure)


def _on_deep_binding(closure: Closure) -> Iterator[Finding]:
    for host, library in closure.hosts():
        if host.deep_bind:
            names = [posixpath.basename(path) for path, its in closure.plugged.items() if its is host]
            yield finding(
                "deepbind",
                library.path,
                f"it opens each {host.what} with RTLD_DEEPBIND, past any preload"
                + (f": {', '.join(names)}" if names else ""),
                f"build it without RTLD_DEEPBIND; or {FRONT_MOUNT}",
            )
    for loaded in closure.objects:
        for pattern, opened in _DEEP_BINDERS:
            if pattern.match(posixpath.basename(loaded.path)):
                yield finding("deepbind", loaded.path, f"it opens with RTLD_DEEPBIND {opened}", harmless=True)


_ASAN = re.compile(r"libasan\.so|libclang_rt\.asan\b")
_ASAN_CONTENT = re.compile(r"\bverify_asan_link_order=(?:0|no|false)\b")


def on_asan(closure: Closure, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Its runtime, as a library, wants to be the first one in the process (asan_linux.cpp,
    AsanCheckDynamicRTPrereqs). Linked statically it does not look."""
    first = re.split("[ :]", environment.get("LD_PRELOAD", ""))[0]
    content = _ASAN_CONTENT.search(environment.get("ASAN_OPTIONS", "")) or _ASAN.match(
        posixpath.basename(first)
    )
    for loaded in closure.objects:
        if _ASAN.match(posixpath.basename(loaded.path)):
            yield finding(
                "asan",
                loaded.path,
                "it is AddressSanitizer's runtime, which ends the process if anything is preloaded before it"
                " (ASan runtime does not come first in initial library list)",
                "set ASAN_OPTIONS=verify_asan_link_order=0, here too; or preload this runtime first",
                harmless=bool(content) or loaded.plug_in,
            )


def on_unknown_folders(unknown: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for path, text in dict.fromkeys(unknown):
        yield finding(
            "unknown-folder",
            path,
            f"it looks for libraries in {text}, and its loader does not tell what $LIB is: what lies there"
            " was not looked at",
        )


def on_missing(missing: Iterable[Missing]) -> Iterator[Finding]:
    for library in missing:
        optional = library.requester.plug_in
        consequence = "this plug-in cannot be opened" if optional else "its imports are not known"
        if library.reason is None:
            yield finding(
                "missing-library",
                library.requester.path,
                f"it needs {library.name}, which no folder of its loader's has: {consequence}",
                None if optional else "install it; or audit inside the image, with --root",
                harmless=optional,
            )
        else:
            yield finding(
                "unusable-library",
                library.requester.path,
                f"it needs {library.name}, but {library.reason}: {consequence}",
                harmless=optional,
            )

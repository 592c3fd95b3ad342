"""audit itself: the facts of one program, from its file and those of its libraries. Nothing is executed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from nlinkshim import arguments
from nlinkshim.elf.file import DamagedError, NotElfError, read_elf
from nlinkshim.engines.audit import rules
from nlinkshim.engines.audit.closure import find_closure, stat_imports
from nlinkshim.engines.audit.kinds import finding
from nlinkshim.engines.audit.loader import Libc, Loaded, choose_loader
from nlinkshim.engines.audit.result import Finding, ProgramAudit
from nlinkshim.engines.audit.rules import Privileges
from nlinkshim.engines.audit.script import follow, look_up
from nlinkshim.errors import IncompleteError, NotLoadedError, UsageError
from nlinkshim.rootfs import RootFs
from nlinkshim.shim.coverage import Shim, read_shim
from nlinkshim.shim.preload import shim_path

_MAX_PROGRAM = 1 << 26  # bytes looked at for a sanitizer
_OF_SANITIZERS = (b"ASAN_OPTIONS\0", b"LSAN_OPTIONS\0", b"MSAN_OPTIONS\0", b"TSAN_OPTIONS\0")


def audit(
    program: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] = "/",
    shim: str | os.PathLike[str] | None = None,
) -> ProgramAudit:
    """Whether a preload would reach the stat calls of `program`, read from its files alone.

    `program` is a path inside `root` (an image's root file system), or a name to look up there. `shim` is the
    file to be preloaded (default: the installed one; for a foreign program in an image, its own wheel's).

    Raises:
        UsageError: there is no such program, `root` is no folder, or an argument is no path.
        IncompleteError: it cannot be read.
        NotLoadedError: there is no shim, or `shim` is none.

    Example:
        >>> audited = nlinkshim.audit("/usr/sbin/smbd")
        >>> audited.verdict is nlinkshim.AuditVerdict.REACHABLE, audited.uncovered
        (True, [])
        >>> [finding.id for finding in audited.findings if finding.severity is nlinkshim.Severity.ERROR]
        []
    """
    given = arguments.path_text("program", program)
    inside = RootFs(arguments.path("root", root))
    chosen = read_shim(shim_path() if shim is None else arguments.path("shim", shim))
    work = _Audit(inside, chosen, shim is not None or inside.is_this_machine)
    work.look_at(_locate(given, inside))
    found = rules.gravest_first(work.findings)
    return ProgramAudit(
        path=given,
        machine=work.machine,
        libc=work.libc,
        verdict=rules.judge(found),
        objects=[loaded.path for loaded in work.objects],
        imports=work.imports,
        uncovered=rules.uncovered(work.imports, chosen.covers),
        findings=found,
        plug_ins=sum(loaded.plug_in for loaded in work.objects),
    )


def _locate(given: str, root: RootFs) -> str:
    path = arguments.absolute("path", given) if root.is_this_machine else "/" + given.lstrip("/")
    if "/" not in given and not root.is_file(path):
        path = look_up(given, root) or path
    try:
        root.open_file(path).close()
    except OSError as error:
        where = "" if root.is_this_machine else f" (in {root})"
        kind = IncompleteError if error.errno in (errno.EACCES, errno.EPERM, errno.EIO) else UsageError
        what = "does not exist" if error.errno == errno.ENOENT else error.strerror
        raise kind(f"{given}{where}: {what}") from error
    return path


class _Audit:
    """The facts as they come in."""

    def __init__(self, root: RootFs, shim: Shim, shim_is_chosen: bool) -> None:
        self.root = root
        self.shim = shim
        self.shim_is_chosen = shim_is_chosen
        self.machine = "unknown"
        self.libc: Libc = "none"
        self.objects: list[Loaded] = []
        self.imports: dict[str, list[str]] = {}
        self.findings: list[Finding] = []

    def look_at(self, path: str) -> None:
        program = self.behind_scripts(path)
        if program is not None:
            self.look_at_program(program)

    def look_at_program(self, path: str) -> None:
        try:
            with self.root.open_file(path) as file:
                elf = read_elf(file, exports=True)
        except OSError as error:
            self.findings.append(finding("unreadable", path, f"it cannot be read: {error.strerror}"))
            return
        except NotElfError:
            reason = "it is neither an ELF program nor a script: no loader takes part"
            self.findings.append(finding("not-elf", path, reason))
            return
        except DamagedError as error:
            reason = f"the file is damaged: {error}"
            self.findings.append(finding("damaged", path, reason, "install it again"))
            return
        self.machine = elf.machine.name
        self.findings += rules.on_privileges(path, _privileges(self.root, path))
        self.findings += rules.on_kind(path, elf)
        self.findings += rules.on_machine(path, elf.machine, self.shim, self.shim_is_chosen)
        self.look_at_closure(Loaded(path, elf))

    def behind_scripts(self, path: str) -> str | None:
        """The program that runs a script, None if there is none; `path` itself if it is no script."""
        followed = follow(path, self.root, self.is_shim)
        self.findings += followed.findings
        for helper in followed.helpers:
            self.findings += rules.on_privileges(helper, _privileges(self.root, helper))
        return followed.program

    def is_shim(self, path: str) -> bool:
        """Whether an entry of LD_PRELOAD is a shim, whichever copy."""
        try:
            read_shim(Path(self.root.host(path)))
        except (OSError, NotLoadedError):
            return False
        return True

    def look_at_closure(self, program: Loaded) -> None:
        self.objects = [program]
        self.imports = stat_imports(self.objects)
        interpreter_path = program.elf.interpreter
        if interpreter_path is None:
            return
        loader = choose_loader(interpreter_path, program.elf.machine, self.root)
        self.libc = loader.libc
        try:
            self.root.open_file(interpreter_path).close()
        except OSError as error:
            self.findings.append(
                finding(
                    "loader-missing",
                    program.path,
                    f"its loader {interpreter_path} cannot be opened ({error.strerror}): it cannot start",
                    f"install the C library for {program.elf.machine.name}",
                )
            )
            return
        closure = find_closure(program, loader, self.root)
        self.objects = closure.objects
        self.imports = stat_imports(self.objects)
        self.findings += rules.on_loader(program.path, interpreter_path, loader.libc)
        self.findings += rules.on_missing(closure.missing)
        self.findings += rules.on_unknown_folders(loader.unknown)
        sanitized = self.has_sanitizer(program)
        self.findings += rules.on_coverage(program, self.imports, self.shim, sanitized)
        self.findings += rules.on_objects(closure, loader.libc)
        self.findings += rules.on_asan(closure, os.environ)

    def has_sanitizer(self, program: Loaded) -> bool:
        """Whether one is linked in statically: its exports do not tell, the name of its variable does."""
        if not program.elf.exports & self.shim.covers:
            return False
        try:
            content = self.root.read(program.path, _MAX_PROGRAM)
        except OSError:
            return False
        return any(b"\0" + variable in content for variable in _OF_SANITIZERS)


def _privileges(root: RootFs, path: str) -> Privileges:
    host = root.host(path)
    status = os.stat(host)  # noqa: PTH116
    mode = status.st_mode
    capabilities = False
    with contextlib.suppress(OSError):  # the file system has no such attributes
        capabilities = bool(os.getxattr(host, "security.capability"))
    return Privileges(
        setuid=status.st_uid if mode & stat.S_ISUID else None,
        # without execution by the group the bit once meant mandatory locking
        setgid=status.st_gid if mode & stat.S_ISGID and mode & stat.S_IXGRP else None,
        capabilities=capabilities,
    )

"""Scripts: which program runs one in the end, as the kernel and env(1) start it, and whether a preload is
still in force there. Nothing is run.

Source of the kernel's rules: Linux 6.x, fs/binfmt_script.c, and exec_binprm() of fs/exec.c.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from nlinkshim.engines.audit import env
from nlinkshim.engines.audit.env import PRELOAD, Environment, FailedError, UnknownError
from nlinkshim.engines.audit.kinds import finding
from nlinkshim.engines.audit.result import Finding
from nlinkshim.mounts.remedy import quote
from nlinkshim.rootfs import RootFs

_HEAD = 256  # BINPRM_BUF_SIZE: so much the kernel reads (before 5.1: 128)
_MAX_NESTED = 5  # scripts that run each other, in one execve(2)
_MAX_STARTS = 64  # programs that env starts one after the other, before this gives up
_MAX_PROGRAM = 1 << 23  # bytes
_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL = "/bin/sh"  # execvp(3) gives it what the kernel does not know
_ELF = b"\x7fELF"


@dataclass(frozen=True)
class Line:
    """A `#!` line as the kernel reads it: one argument at the most, with whatever blanks are in it."""

    interpreter: str
    argument: str | None
    is_cut: bool  # the kernel does not read all of it


def read_line(head: bytes) -> Line | None:
    """The line in the first 256 bytes of a file. None: the kernel finds no interpreter there."""
    if not head.startswith(b"#!"):
        return None
    buffer = head.ljust(_HEAD, b"\0")
    end = buffer.partition(b"\0")[0].find(b"\n")
    text = buffer[2:end].rstrip(b" \t") if end >= 0 else buffer[2 : _HEAD - 1]
    parts = re.match(rb"[ \t]*([^ \t\0]+)(?:[ \t]+([^\0]+))?", text)
    is_cut = end < 0 and b"\0" not in buffer
    # what ends with the buffer may be longer, and is no name to be trusted
    if parts is None or (is_cut and 2 + parts.end(1) == _HEAD - 1 and buffer[-1:] not in b" \t"):
        return None
    return Line(os.fsdecode(parts[1]), os.fsdecode(parts[2]) if parts[2] else None, is_cut)


class _NotStartedError(Exception):
    """The kernel or env starts nothing: id of the finding, reason, remedy."""

    def __init__(self, id_: str, reason: str, remedy: str | None = None) -> None:
        super().__init__(id_, reason, remedy)
        self.id, self.reason, self.remedy = id_, reason, remedy


@dataclass
class Followed:
    """Where a chain of scripts ends: the program, or None if nothing is started or it cannot be known.
    `helpers` are the programs on the way that are no scripts."""

    program: str | None
    findings: list[Finding] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)


def follow(path: str, root: RootFs, is_shim: Callable[[str], bool]) -> Followed:
    """What is started in the end by the file `path`, which is its own end if it is no script.

    `is_shim` tells whether a path in LD_PRELOAD is a shim. The environment is this process's; in an image it
    is not known, but for the usual PATH.
    """
    chain = _Chain(path, root, is_shim)
    try:
        chain.go()
    except _NotStartedError as end:
        chain.found.append(finding(end.id, chain.script, end.reason, end.remedy))
        return Followed(None, chain.found, chain.helpers)
    except OSError:  # whoever looks at it will say so
        pass
    return Followed(chain.path, chain.found, chain.helpers)


class _Chain:
    def __init__(self, path: str, root: RootFs, is_shim: Callable[[str], bool]) -> None:
        self.path, self.root, self.is_shim = path, root, is_shim
        self.arguments: list[str] = []  # behind the program's own name
        known = dict(os.environ) if root.is_this_machine else {}
        known["PATH"] = search_path(root)
        self.environment = Environment({**known, "LD_PRELOAD": PRELOAD}, complete=root.is_this_machine)
        self.folder: str | None = None  # the working directory, where it is known
        self.script = path  # the last
        self.nested = 0  # scripts since the last execve(2)
        self.seen: set[object] = set()  # states in which env was started
        self.cut = ""  # what is to be said of a line that the kernel cuts
        self.has_cr = False  # the line ends as Windows' do
        self.dropped: Finding | None = None
        self.found: list[Finding] = []
        self.helpers: list[str] = []

    def go(self) -> None:
        """Follow to the end. Raises _NotStartedError, and OSError if `path` cannot be read."""
        told = True
        while True:
            head = self.root.read(self.path, _HEAD)
            if head.startswith(b"#!"):
                line = read_line(head)
                if line is None:
                    self.without_interpreter(head)
                    return
                self.take_script(line)
                told = False
            elif self.nested == 0 and not self.is_first and not head.startswith(_ELF):
                self.arguments.insert(0, self.path)
                self.path = self.usable(_SHELL)
            elif self.is_first or not self.take_env():
                if not told:
                    self.tell_script()
                if self.dropped is not None:
                    self.found.append(self.dropped)
                return

    @property
    def is_first(self) -> bool:
        return not self.nested and not self.seen

    def tell_script(self) -> None:
        self.found.append(
            finding(
                "script",
                self.script,
                f"it is a script: what is audited is {self.path}, which runs it; a preload is inherited by"
                " what it starts",
                "audit the programs that it starts",
            )
        )

    def without_interpreter(self, head: bytes) -> None:
        """A `#!` with nothing behind it is a file of no kind, as any other text."""
        if head[2:].strip(b" \t").partition(b"\n")[0]:
            raise _NotStartedError(
                "script-broken",
                f"its #! line names no interpreter within the {_HEAD - 1} bytes that the kernel reads: it is"
                " not started",
                "give it a shorter path, such as that of a link",
            )

    def take_script(self, line: Line) -> None:
        """One step of the kernel: from a script to its interpreter."""
        if self.nested and self.path != self.script:
            self.found.append(
                finding("script", self.script, f"it is a script, run by {self.path}, which is one, too")
            )
        self.script = self.path
        if self.nested == _MAX_NESTED:
            raise _NotStartedError(
                "script-broken",
                f"the kernel follows {_MAX_NESTED} scripts that run each other, and this is one more: nothing"
                " is started",
                "name the program that runs them in the first one's #! line",
            )
        self.nested += 1
        self.cut = f" (the kernel reads no more than {_HEAD - 1} bytes of the line)" if line.is_cut else ""
        self.has_cr = (line.argument or line.interpreter).endswith("\r")
        name = line.interpreter
        if not name.startswith("/"):
            raise _NotStartedError(
                "script-unknown",
                f"its #! line names {name!r}: which program that is depends on the working directory",
                "give the absolute path",
            )
        before = [self.path] if line.argument is None else [line.argument, self.path]
        self.arguments = before + self.arguments
        self.path = self.usable(name)

    def usable(self, path: str) -> str:
        """`path`, if the kernel would start it."""
        reason = _trouble(path, self.root)
        if reason is None:
            return path
        raise _NotStartedError(
            "script-broken",
            f"{path!r}, which is to run it, {reason}",
            self.mend("install it, or name another"),
        )

    def mend(self, otherwise: str) -> str:
        return f"sed -i '1s/\\r$//' {quote(self.script)}" if self.has_cr else otherwise

    def take_env(self) -> bool:
        """If the program is env(1), go on with what it starts."""
        name = posixpath.basename(self.path)
        arguments = self.arguments
        if name.startswith("busybox") and arguments[:1] == ["env"]:
            arguments = arguments[1:]
        elif "env" not in (name, posixpath.basename(self.root.real(self.path))):
            return False
        make = env.flavour_of(self.root.read(self.path, _MAX_PROGRAM))
        if make is None:
            return False
        program = self.path
        self.helpers.append(program)
        state = self.script, tuple(arguments), frozenset(self.environment.values.items())
        if state in self.seen or len(self.seen) > _MAX_STARTS:
            raise _NotStartedError(
                "script-loop",
                f"{program} finds no program in its #! line and starts the script itself, again and again",
                "name the program behind the options; several arguments need env -S",
            )
        self.seen.add(state)
        try:
            start = env.interpret(arguments, self.environment, make)
            self.path = self.look_up(start, make.usual_path)
        except FailedError as error:
            raise _NotStartedError(
                "script-broken",
                f"its #! line has {program} start nothing: {error}{self.cut}",
                self.mend("try the line in a shell; several arguments need env -S"),
            ) from None
        except UnknownError as error:
            raise _NotStartedError(
                "script-unknown",
                f"what its #! line has {program} do depends on the variable {error}, which is not known here",
                "audit the program that it starts",
            ) from None
        self.arguments = start.words[1:]
        self.nested = 0
        if self.is_preloaded(self.environment) and not self.is_preloaded(start.environment):
            self.dropped = finding(
                "preload-dropped",
                self.script,
                f"its #! line has {program} take LD_PRELOAD away from {self.path}, or give it another value",
                "take -i, -, -u LD_PRELOAD and LD_PRELOAD= out of it; or start the program itself",
            )
        self.environment = start.environment
        return True

    def is_preloaded(self, environment: Environment) -> bool:
        entries = re.split("[ :]", environment.values.get("LD_PRELOAD") or "")
        return any(entry == PRELOAD or self.is_shim(entry) for entry in entries if entry)

    def look_up(self, start: env.Start, usual_path: str) -> str:
        """The program as execvp(3) finds it. Raises FailedError, UnknownError."""
        name = start.words[0]
        if start.folder is not None:
            self.enter(start.folder)
        if "/" in name:
            path = posixpath.join(self.folder or "", name)
            if not path.startswith("/"):
                raise _NotStartedError(
                    "script-unknown",
                    f"its #! line starts {name!r}: which program that is depends on the working directory",
                    "give the absolute path",
                )
            reason = _trouble(path, self.root)
            if reason is not None:
                raise FailedError(f"{name!r} {reason}")
            return path
        path_variable = start.environment.get("PATH")
        found = _find(name, usual_path if path_variable is None else path_variable, self.root, self.folder)
        if found is None:
            raise FailedError(f"{name!r} is in no folder of its PATH{_ending(name)}")
        return found

    def enter(self, folder: str) -> None:
        """Change the working directory. Raises FailedError."""
        entered = posixpath.join(self.folder or "", folder)
        if not entered.startswith("/"):
            self.folder = None
        elif self.root.is_folder(entered):
            self.folder = entered
        else:
            raise FailedError(f"{folder!r} is no folder")


def _trouble(path: str, root: RootFs) -> str | None:
    """Why the kernel does not start a file, as the end of a sentence."""
    try:
        mode = os.stat(root.host(path)).st_mode  # noqa: PTH116
    except OSError as error:
        return f"cannot be started: {error.strerror}{_ending(path)}"
    if not stat.S_ISREG(mode):
        return "is no regular file"
    return None if mode & 0o111 else "may not be executed by anybody"


def _ending(name: str) -> str:
    return " (its name ends with the CR of a line that ends in CR LF)" if name.endswith("\r") else ""


def search_path(root: RootFs) -> str:
    """PATH on this machine, and the usual folders; in an image these alone."""
    return f"{os.environ.get('PATH', '')}:{_FOLDERS}".lstrip(":") if root.is_this_machine else _FOLDERS


def look_up(name: str, root: RootFs) -> str | None:
    """The path of the program that a name without '/' stands for, None if there is none."""
    return _find(name, search_path(root), root, None)


def _find(name: str, path_variable: str, root: RootFs, here: str | None) -> str | None:
    """In the folders of PATH. Relative ones count from the working directory, where it is known."""
    for folder in path_variable.split(":"):
        path = posixpath.join(here or "", folder, name)
        if path.startswith("/") and _trouble(path, root) is None:
            return path
    return None

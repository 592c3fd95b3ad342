"""Where a program's own loader looks for a library: glibc's ld.so(8) and musl's, without their caches and
without the environment."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from nlinkshim.elf.file import ElfFile
from nlinkshim.elf.machines import Machine
from nlinkshim.rootfs import RootFs

Libc = Literal["glibc", "musl", "none", "unknown"]

DF_1_NODEFLIB = 0x800

_MAX_FOLDERS = 256  # in one search path
_MAX_CONFIGURATION = 1 << 20  # bytes of one file
_MAX_LOADER = 1 << 23  # bytes

_PLATFORMS_OF_GLIBC = ("haswell", "xeon_phi")  # until 2.38; all others are the kernel's (AT_PLATFORM)

_GLIBC_OWN = b"GLIBC_PRIVATE"  # the version of what glibc's loader defines for glibc alone


@dataclass(frozen=True)
class Loaded:
    """An object in a process: where it came from, its facts, and who asked for it (None: the program)."""

    path: str
    elf: ElfFile
    parent: Loaded | None = None
    plug_in: bool = False  # there only if the configuration asks for it

    def chain(self) -> Iterator[Loaded]:
        """This object, who asked for it, and so on up to the program."""
        link: Loaded | None = self
        while link is not None:
            yield link
            link = link.parent


@dataclass(frozen=True)
class Candidate:
    """A place to look. An alternative is taken instead of the plain file if the processor is good enough."""

    path: str
    alternative: bool = False


class Loader(Protocol):
    libc: Libc
    knows_sonames: bool  # whether a library in memory also answers to its DT_SONAME
    skips_foreign: bool  # whether the search goes on behind a library of another machine
    defaults: list[str]
    unknown: list[tuple[str, str]]  # objects and texts of theirs that it cannot be told how to read

    def candidates(self, name: str, requester: Loaded) -> Iterator[Candidate]:
        """Places for a name in DT_NEEDED of `requester`, in the loader's order."""
        ...

    def is_itself(self, name: str) -> bool:
        """Whether the loader takes this name as its own, and so looks for nothing."""
        ...


def choose_loader(path: str, machine: Machine, root: RootFs) -> Loader:
    """The loader that PT_INTERP names. Its content decides what it is; its name only if it cannot be read."""
    try:
        content = root.read(path, _MAX_LOADER)
    except OSError:
        content = os.fsencode(path.replace("/lib/ld-musl", "/etc/ld-musl").replace(".so.1", ".path"))
        if b"/etc/ld-musl-" not in content:
            content = _GLIBC_OWN
    if musl := re.search(rb"/etc/ld-musl-([\w.-]+)\.path", content):
        return Musl(path, musl[1].decode("ascii"), root)
    return Glibc(path, content, machine, root)


def _substitute(text: str, values: dict[str, str]) -> str:
    """`text` with $NAME and ${NAME} replaced, as far as `values` knows the name."""

    def value(match: re.Match[str]) -> str:
        return values.get(match[1] or match[2], match[0])

    return re.sub(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))", value, text)


def _has(token: str, text: str) -> bool:
    return _substitute(text, {token: ""}) != text


class Glibc:
    """RPATH of the chain (unless the asking object has a RUNPATH), RUNPATH of the asking object, the folders
    of ld.so.conf (by way of the cache, which ldconfig fills in this order), the default folders."""

    knows_sonames = True
    skips_foreign = True

    def __init__(self, path: str, content: bytes, machine: Machine, root: RootFs) -> None:
        self.libc: Libc = "glibc" if _GLIBC_OWN in content else "unknown"
        self.path = path
        self.machine = machine
        self.root = root
        self.defaults = _built_in_folders(content) or self._usual_folders()
        self.lib = _built_in_lib(content)
        own = [p for p in _PLATFORMS_OF_GLIBC if b"\0%b\0" % p.encode() in content]
        self.platforms = [p for p in machine.platforms if p not in _PLATFORMS_OF_GLIBC or p in own]
        self.unknown: list[tuple[str, str]] = []
        configured = self._configured("/etc/ld.so.conf", set())
        self.configured = [folder for folder in dict.fromkeys(configured) if root.is_folder(folder)]
        self._subfolders: dict[str, list[str]] = {}

    def is_itself(self, name: str) -> bool:
        return name in (self.path, posixpath.basename(self.path))

    def candidates(self, name: str, requester: Loaded) -> Iterator[Candidate]:
        if "/" in name:
            yield from self._expand(name, requester)
            return
        if requester.elf.runpath is None:
            for link in requester.chain():
                yield from self._listed(link.elf.rpath, link, name)
        yield from self._listed(requester.elf.runpath, requester, name)
        system = dict.fromkeys([*self.configured, *self.defaults])
        if requester.elf.flags_1 & DF_1_NODEFLIB:
            system = dict.fromkeys(folder for folder in self.configured if folder not in self.defaults)
        # The cache puts what is for better processors in front, from whichever folder.
        for folder in system:
            yield from self._alternatives(folder, name)
        yield from (Candidate(f"{folder}/{name}") for folder in system)

    def _listed(self, search_path: str | None, owner: Loaded, name: str) -> Iterator[Candidate]:
        """In the folders of a DT_RPATH or DT_RUNPATH. Relative ones depend on the working directory."""
        for entry in (search_path or "").split(":")[:_MAX_FOLDERS]:
            for folder in self._expand(entry.rstrip("/"), owner):
                if folder.path.startswith("/"):
                    yield from self._alternatives(folder.path, name)
                    yield Candidate(f"{folder.path}/{name}", folder.alternative)

    def _expand(self, text: str, owner: Loaded) -> list[Candidate]:
        """`text` with its tokens replaced. $LIB is built into the loader; $PLATFORM depends on the processor,
        and where a machine has none the loader drops the text, as this does what cannot be known."""
        values = {"ORIGIN": _origin(owner, self.root)} if "$" in text else {}
        if _has("LIB", text):
            if self.lib is None:
                self.unknown.append((owner.path, text))
                return []
            values["LIB"] = self.lib
        if not _has("PLATFORM", text):
            return [Candidate(_substitute(text, values))]
        return [
            Candidate(_substitute(text, {**values, "PLATFORM": platform}), alternative=True)
            for platform in self.platforms
        ]

    def _alternatives(self, folder: str, name: str) -> Iterator[Candidate]:
        if folder not in self._subfolders:
            paths = (f"{folder}/{subfolder}" for subfolder in self.machine.hwcaps)
            self._subfolders[folder] = [path for path in paths if self.root.is_folder(path)]
        yield from (Candidate(f"{path}/{name}", alternative=True) for path in self._subfolders[folder])

    def _usual_folders(self) -> list[str]:
        names = dict.fromkeys(
            [*(f"lib/{triplet}" for triplet in self.machine.triplets), self.machine.lib, "lib"]
        )
        return [f"{above}/{name}" for name in names for above in ("", "/usr")]

    def _configured(self, path: str, seen: set[str]) -> Iterator[str]:
        """The folders of a configuration file and of what it includes. No file is read twice."""
        if path in seen:
            return
        seen.add(path)
        try:
            text = os.fsdecode(self.root.read(path, _MAX_CONFIGURATION))
        except OSError:
            return
        for raw in text.splitlines():
            line = raw.partition("#")[0].strip()
            word, *patterns = line.split() or [""]
            if word == "include" and len(seen) < _MAX_FOLDERS:
                for pattern in patterns:
                    for included in self.root.glob(posixpath.join(posixpath.dirname(path), pattern)):
                        yield from self._configured(included, seen)
            elif line.startswith("/"):
                yield line.partition("=")[0].rstrip("/")


def _built_in_lib(loader: bytes) -> str | None:
    """What $LIB stands for in a loader of glibc (DL_DST_LIB): lib64, lib, or as Debian has it
    lib/x86_64-linux-gnu, a text of its own in the loader's data. None: it cannot be told."""
    found = set(re.findall(rb"\0(lib(?:/[\w.-]+|x?[0-9]+)?)(?=\0)", loader))
    return os.fsdecode(found.pop()) if len(found) == 1 else None


def _built_in_folders(loader: bytes) -> list[str]:
    """glibc's default folders as they stand in the loader's data: in a row, each with a '/' at its end."""
    runs = re.findall(rb"\0((?:/[^\0-\x20:\x7f-\xff]+/\0)+)", loader)
    longest = max(runs, key=lambda run: int(run.count(b"\0")), default=b"")
    return [os.fsdecode(folder).rstrip("/") for folder in longest.split(b"\0") if folder]


class Musl:
    """RPATH or RUNPATH, which are alike to it, of the whole chain; then /etc/ld-musl-ARCH.path or defaults.
    What is part of libc.so (libm, libpthread, ...) is never looked up."""

    libc: Libc = "musl"
    knows_sonames = False
    skips_foreign = False
    unknown: list[tuple[str, str]] = []  # noqa: RUF012  musl's has no token that is built in

    _RESERVED = re.compile(r"lib(c|pthread|rt|m|dl|util|xnet)\.")
    _DEFAULT = "/lib:/usr/local/lib:/usr/lib"

    def __init__(self, path: str, architecture: str, root: RootFs) -> None:
        self.path = path
        self.root = root
        prefix = posixpath.dirname(posixpath.dirname(path)).rstrip("/")
        try:
            content = root.read(f"{prefix}/etc/ld-musl-{architecture}.path", _MAX_CONFIGURATION)
            listed = os.fsdecode(content.partition(b"\0")[0])
        except FileNotFoundError:
            listed = self._DEFAULT
        except OSError:
            listed = ""
        self.defaults = self._split(listed)

    def is_itself(self, name: str) -> bool:
        return bool(self._RESERVED.match(name)) or name in (self.path, posixpath.basename(self.path))

    def candidates(self, name: str, requester: Loaded) -> Iterator[Candidate]:
        if "/" in name:
            yield Candidate(name)
            return
        for link in requester.chain():
            listed = link.elf.runpath or link.elf.rpath or ""
            if "$" in listed:
                listed = _substitute(listed, {"ORIGIN": _origin(link, self.root)})
            if "$" not in listed:  # else musl takes none of it
                yield from (Candidate(f"{folder}/{name}") for folder in self._split(listed))
        yield from (Candidate(f"{folder}/{name}") for folder in self.defaults)

    @staticmethod
    def _split(search_path: str) -> list[str]:
        folders = re.split("[:\n]+", search_path)[:_MAX_FOLDERS]
        return [folder.rstrip("/") for folder in folders if folder.startswith("/")]


def _origin(owner: Loaded, root: RootFs) -> str:
    """The folder of an object; of the program the real one, as /proc/self/exe has it."""
    path = owner.path
    if owner.parent is None:
        with contextlib.suppress(OSError):
            path = root.real(path)
    return posixpath.dirname(path)

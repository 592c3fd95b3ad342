"""All objects that a loader would map for a program, found breadth first as the loader finds them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import posixpath
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from nlinkshim.elf.file import DamagedError, NotElfError, read_elf
from nlinkshim.engines.audit.loader import Loaded, Loader
from nlinkshim.rootfs import RootFs


@dataclass(frozen=True)
class PlugInHost:
    """A program that opens libraries which DT_NEEDED does not name, known by one of those that it does.

    The plug-ins lie in one of `folders` beside that library, beside its folder, or in the loader's default
    folders.
    """

    what: str
    known_by: re.Pattern[str]
    folders: tuple[str, ...]
    names: re.Pattern[str]
    deep_bind: bool = False  # opened with RTLD_DEEPBIND


HOSTS = (
    PlugInHost(
        "smbd VFS module", re.compile(r"libsmbd-base\b"), ("vfs", "samba/vfs"), re.compile(r".+\.so$")
    ),
    # its FSAL manager: dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
    PlugInHost(
        "NFS-Ganesha FSAL",
        re.compile(r"libganesha_nfsd\b"),
        ("ganesha",),
        re.compile(r"libfsal.+\.so$"),
        deep_bind=True,
    ),
)


@dataclass(frozen=True)
class Missing:
    """A library that could not be used, and why: None if no folder of the loader's has it."""

    name: str
    requester: Loaded
    reason: str | None


@dataclass
class Closure:
    """`objects` begins with the program. `plugged` tells by which host a plug-in is opened."""

    objects: list[Loaded]
    missing: list[Missing] = field(default_factory=list)
    plugged: dict[str, PlugInHost] = field(default_factory=dict)

    def hosts(self) -> Iterator[tuple[PlugInHost, Loaded]]:
        """The hosts among the objects, each with the library that tells."""
        for host in HOSTS:
            known = (o for o in self.objects if host.known_by.match(posixpath.basename(o.path)))
            yield from ((host, library) for library in itertools.islice(known, 1))


def find_closure(program: Loaded, loader: Loader, root: RootFs) -> Closure:
    """The program, what it needs, and the plug-ins it is known to open with what these need."""
    walk = _Walk(program, loader, root)
    walk.follow_needs()
    for host, path in list(walk.plug_ins()):
        walk.open_plug_in(host, path)
    walk.follow_needs()
    return walk.closure


class _Walk:
    def __init__(self, program: Loaded, loader: Loader, root: RootFs) -> None:
        self.program = program
        self.loader = loader
        self.root = root
        self.closure = Closure([program])
        self.queue = deque([program])
        self.names: set[str] = set()  # that are answered
        self.absent: set[tuple[str, bool]] = set()
        self.identities: set[tuple[int, int]] = set()  # device and inode

    def follow_needs(self) -> None:
        while self.queue:
            requester = self.queue.popleft()
            for name in requester.elf.needed:
                if name not in self.names:
                    self._find(name, requester)

    def _find(self, name: str, requester: Loaded) -> None:
        if self.loader.is_itself(name):
            self.names.add(name)
            with contextlib.suppress(OSError, DamagedError, NotElfError):  # another finding's business
                self._load(self.program.elf.interpreter or name, requester)
            return
        found = False
        reason: str | None = None
        for candidate in self.loader.candidates(name, requester):
            try:
                usable = self._load(candidate.path, requester)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in _NOT_THERE:
                    reason = f"{candidate.path}: {error.strerror}"
                continue
            except (DamagedError, NotElfError) as error:
                reason = f"{candidate.path} is damaged: {error}"
                break
            found = found or usable
            if usable and not candidate.alternative:
                break
            if not usable and not self.loader.skips_foreign:
                reason = f"{candidate.path} is for another machine"
                break
        if found:
            self.names.add(name)
        elif (name, requester.plug_in) not in self.absent:
            self.absent.add((name, requester.plug_in))
            self.closure.missing.append(Missing(name, requester, reason))

    def _load(self, path: str, requester: Loaded, host: PlugInHost | None = None) -> bool:
        """Take a file in, unless it is in already. False if it is for another machine.

        Raises:
            OSError, NotElfError, DamagedError
        """
        with self.root.open_file(path) as file:
            status = os.fstat(file.fileno())
            identity = status.st_dev, status.st_ino
            if identity in self.identities:
                return True
            elf = read_elf(file)
        if elf.machine != self.program.elf.machine:
            return False
        self.identities.add(identity)
        if elf.soname is not None and self.loader.knows_sonames:
            self.names.add(elf.soname)
        loaded = Loaded(path, elf, requester, plug_in=requester.plug_in or host is not None)
        self.closure.objects.append(loaded)
        self.queue.append(loaded)
        if host is not None:
            self.closure.plugged[path] = host
        return True

    def plug_ins(self) -> Iterator[tuple[PlugInHost, str]]:
        """Each known plug-in's path, once."""
        for host, library in self.closure.hosts():
            beside = posixpath.dirname(library.path)
            above = dict.fromkeys([beside, posixpath.dirname(beside), *self.loader.defaults])
            for folder in (f"{top}/{folder}" for top in above for folder in host.folders):
                names = self.root.names(folder)
                yield from ((host, f"{folder}/{name}") for name in names if host.names.match(name))

    def open_plug_in(self, host: PlugInHost, path: str) -> None:
        try:
            self._load(path, self.program, host)
        except (OSError, DamagedError, NotElfError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"is damaged: {error}"
            owner = Loaded(path, self.program.elf, self.program, plug_in=True)
            self.closure.missing.append(Missing(posixpath.basename(path), owner, f"{path}: {reason}"))


_NOT_THERE = (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)

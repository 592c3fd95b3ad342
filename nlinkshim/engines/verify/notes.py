"""Other lies of a mount than that about the link count: whom each harms, and how its author mends it.

They are told beside the verdict, and change neither it nor the exit code. How each is seen is in
csrc/walker/notes.c.
"""

from __future__ import annotations

import errno
import os
from typing import Any, NamedTuple

from nlinkshim._walker import ffi, lib
from nlinkshim.engines.verify.counts import looked_for


class Kind(NamedTuple):
    """A lie. `sampled`: looked for in a bounded part of the entries alone. `least`: the share of those looked
    at from which on it is told, where single ones are no lie."""

    id: str
    number: int  # NOTE_* of csrc/walker/walker.h
    what: str
    harms: str
    fix: str
    by_library: tuple[tuple[str, str], ...] = ()  # the same where it has a name of its own
    sampled: bool = False
    least: float = 0.0

    @property
    def fixes(self) -> dict[str, str]:
        """By library; "any" is always there."""
        return {"any": self.fix, **dict(self.by_library)}


KINDS = (
    Kind(
        "mtime-moves",
        lib.NOTE_MTIME_MOVES,
        "the modification time is another at each look",
        "media scanners (scan all again), caches of CIFS and NFS, backups",
        "in GETATTR give the entry's own time, not that of now",
        (
            ("go-fuse", "in Getattr, out.Mtime as in Lookup, not out.SetTimes of time.Now()"),
            ("libfuse", "fill st_mtim from the source, not from time(NULL)"),
            ("fuser", "FileAttr.mtime is the entry's own, not SystemTime::now()"),
        ),
        sampled=True,
    ),
    Kind(
        "lookup-differs",
        lib.NOTE_LOOKUP_DIFFERS,
        "LOOKUP and GETATTR disagree",
        "CIFS and NFS clients (a wrong size cuts reads), media scanners, backups",
        "answer both by one function",
        (
            ("go-fuse", "fill EntryOut.Attr in Lookup and AttrOut.Attr in Getattr by one function"),
            ("libfuse", "low level: fuse_entry_param.attr and fuse_reply_attr by one function"),
            ("fuser", "reply.entry and reply.attr with the FileAttr of one function"),
        ),
        sampled=True,
    ),
    Kind(
        "statfs-zero",
        lib.NOTE_STATFS_ZERO,
        "statfs tells a size of 0",
        "Windows, Finder, Radarr, Sonarr: no free space, so nothing is imported",
        "implement statfs, which libraries answer with zeros",
        (
            ("go-fuse", "Statfs on the root: out.Blocks, Bfree, Bavail, Bsize, Frsize"),
            ("libfuse", "statfs: f_blocks, f_bfree, f_bavail, f_bsize, f_frsize"),
            ("fuser", "override Filesystem::statfs, whose default is zeros"),
        ),
    ),
    Kind(
        "statfs-fails",
        lib.NOTE_STATFS_FAILS,
        "statfs fails",
        "df, Windows, SMB clients that ask for the free space (smbclient)",
        "answer statfs, at once and without going to the source",
        (("pyfuse3", "override Operations.statfs, whose default is ENOSYS"),),
    ),
    Kind(
        "inode-zero",
        lib.NOTE_INODE_ZERO,
        "the inode number is 0",
        "ls and all of glibc's readdir (hides a name listed so), NFS, serverino",
        "number entries from 1 on",
        (
            ("go-fuse", "fs.Options.RootStableAttr with an Ino: by itself the root has 0"),
            ("libfuse", "fill st_ino, or leave out -o use_ino"),
            ("fuser", "FileAttr.ino and that of reply.add are the entry's"),
        ),
    ),
    Kind(
        "inode-listed",
        lib.NOTE_INODE_LISTED,
        "readdir tells another inode number than stat",
        "NFS servers, and what finds a file by its number (find -inum)",
        "list each name with the number that its stat tells",
        (
            ("go-fuse", "DirEntry.Ino of Readdir is the child's StableAttr.Ino"),
            ("libfuse", "-o use_ino, and st_ino in what readdir's filler is given too"),
            ("fuser", "reply.add with the ino of the entry's FileAttr"),
        ),
        sampled=True,
        least=0.05,  # one that was replaced between listing and look has another number
    ),
    Kind(
        "inode-shared",
        lib.NOTE_INODE_SHARED,
        "entries that are no hard links have one inode number",
        "tar, rsync -H, du (take one for the other), NFS, CIFS with serverino",
        "give each entry a number of its own",
        (
            ("go-fuse", "a StableAttr.Ino for each entry; 0 lets go-fuse choose"),
            ("libfuse", "leave out -o use_ino: libfuse numbers by itself"),
            ("fuser", "a FileAttr.ino for each entry"),
        ),
    ),
    Kind(
        "inode-changes",
        lib.NOTE_INODE_CHANGES,
        "the inode number is another at the next look",
        "NFS (stale handles), CIFS with serverino (stale folders), backups",
        "derive it from what identifies the entry, and keep it over a restart",
        (("go-fuse", "StableAttr.Ino from a hash of the entry's id, not from a counter"),),
        sampled=True,
    ),
    Kind(
        "blocks-zero",
        lib.NOTE_BLOCKS_ZERO,
        "files that have a size take 0 blocks",
        "du (shows 0); cp, tar --sparse, backups (take them for holes)",
        "blocks = (size + 511) / 512",
        (
            ("go-fuse", "out.Blocks = (out.Size + 511) / 512"),
            ("libfuse", "st_blocks = (st_size + 511) / 512"),
            ("fuser", "FileAttr.blocks = (size + 511) / 512"),
        ),
        least=0.5,  # single ones may be sparse files
    ),
    Kind(
        "name-not-utf8",
        lib.NOTE_NAME_NOT_UTF8,
        "the name is not UTF-8",
        "every SMB client: it is not listed, and may end the listing (catia)",
        "convert names from the charset of the source to UTF-8",
    ),
    Kind(
        "name-reserved",
        lib.NOTE_NAME_RESERVED,
        "the name has what SMB reserves, or ends in a dot or a space",
        "SMB clients: it does not open, unless smbd has catia (docs/generate.md)",
        'leave out \\ : * ? " < > |, control characters, a last dot or space',
    ),
)

_FIELDS = ("modification time", "size", "blocks", "mode", "owner")  # the bits of notes.c


class Note(NamedTuple):
    """A lie that was seen. Counts are of entries; for statfs, of calls."""

    id: str
    count: int  # type: ignore[assignment]  # nobody counts the items of a note
    of: int  # looked at for this
    sampled: bool  # `of` is a sample of the entries
    what: str
    detail: str | None  # what differs, or which error
    harms: str
    fix: dict[str, str]  # for the author of the file system: "any", and by library
    examples: tuple[str, ...]


def notes_of(report: Any) -> tuple[Note, ...]:
    """What `report` (struct walk_report *) tells, in the order of the table."""
    return tuple(_note(kind, report) for kind in KINDS if _is_told(kind, report))


def _is_told(kind: Kind, report: Any) -> bool:
    count = report.notes[kind.number].count
    return bool(count > 0 and count >= kind.least * looked_for(report, kind.number))


def _note(kind: Kind, report: Any) -> Note:
    found = report.notes[kind.number]
    of_the_mount = kind.number in (lib.NOTE_STATFS_ZERO, lib.NOTE_STATFS_FAILS)
    return Note(
        id=kind.id,
        count=found.count,
        of=1 if of_the_mount else looked_for(report, kind.number) or report.entries,
        sampled=kind.sampled,
        what=kind.what,
        detail=_detail(kind, found.details),
        harms=kind.harms,
        fix=kind.fixes,
        examples=tuple(
            os.fsdecode(ffi.string(found.examples[number])) for number in range(found.example_count)
        ),
    )


def _detail(kind: Kind, details: int) -> str | None:
    if kind.number == lib.NOTE_LOOKUP_DIFFERS:
        return ", ".join(name for bit, name in enumerate(_FIELDS) if details >> bit & 1)
    if kind.number == lib.NOTE_STATFS_FAILS:
        return errno.errorcode.get(details, str(details)) if details else "no answer"
    return None

"""What to ask the probe for an entry point, and what the shim must make of the raw answer."""

from __future__ import annotations

import stat
from pathlib import Path

from .preload import bare
from .probe import Call, Output, Probe
from .table import BY_DESCRIPTOR, EMPTY_PATH, EntryPoint

AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000
STATX_BASIC_STATS = 0x7FF
STATX_TYPE, STATX_NLINK, STATX_INO = 0x1, 0x4, 0x100

NLINK_FIELD = {"STAT": slice(16, 24), "STAT64": slice(16, 24), "STATX": slice(16, 20)}  # x86-64


def by_name(entry: EntryPoint, *paths: str | Path) -> list[str]:
    """Ask for each path; where flags can, once more for the final symlink itself."""
    words: list[str] = []
    for path in paths:
        words += [entry.name, str(path)]
        if entry.shape in EMPTY_PATH:
            words += [f"flags={AT_SYMLINK_NOFOLLOW}", entry.name, str(path)]
    return words


def raw_answers(probe: Probe, fallback: Probe, words: list[str]) -> Output:
    """What the calls answer without the shim.

    Where the probe's libc lacks the name, the shim must answer as the kernel does, and so another libc.
    """
    output = probe.run(*words, env=bare())
    return fallback.run(*words, env=bare()) if output.absent else output


def takes_descriptor(entry: EntryPoint) -> bool:
    return entry.shape in BY_DESCRIPTOR or entry.shape in EMPTY_PATH


def by_descriptor(
    entry: EntryPoint, *paths: str | Path, path_only: bool = True, repeat: int = 1
) -> list[str]:
    """Ask for the descriptor of each path."""
    words: list[str] = []
    for path in paths:
        words += [f"path-only={int(path_only)}", "open", str(path), f"repeat={repeat}", entry.name, "@"]
    return words


def corrected(entry: EntryPoint, raw: Call, dir_nlink: int = 2) -> bytes:
    """The structure that the shim must hand out for a lie: as it was but for the count."""
    field = NLINK_FIELD[entry.layout]
    count = dir_nlink if stat.S_ISDIR(raw.mode) else 1
    return (
        raw.content[: field.start]
        + count.to_bytes(field.stop - field.start, "little")
        + raw.content[field.stop :]
    )


def assert_corrected(entry: EntryPoint, raw: list[Call], patched: list[Call], dir_nlink: int = 2) -> None:
    """Of the same calls: each successful answer was a lie and is corrected; each failure is as it was."""
    assert len(raw) == len(patched) > 0
    for before, after in zip(raw, patched, strict=True):
        assert (after.returned, after.errno, after.same) == (before.returned, before.errno, True)
        if before.returned == 0:
            assert before.nlink == 0, "this is no lie, so the test shows nothing"
            assert after.content == corrected(entry, before, dir_nlink)
        else:
            assert after.content == before.content

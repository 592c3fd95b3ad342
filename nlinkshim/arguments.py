"""What callers hand to the public functions, made sure of: a wrong type too is one line, and no traceback."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nlinkshim.errors import UsageError

MOST_SECONDS = 1_000_000
REMOVED = "the working directory was removed; change to another"


def shown(value: object) -> str:
    """A value as a complaint may quote it: on one line, and not at any length."""
    try:
        text = " ".join(ascii(value).splitlines())
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "a number of that size"
    return text if len(text) <= 60 else f"{text[:57]}..."


def guess(word: str, known: Iterable[str]) -> str:
    """What may have been meant, as a part of a complaint; nothing where nothing is near."""
    import difflib  # only where something is wrong

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def path_text(name: str, value: Any) -> str:
    """The path that a str or an os.PathLike[str] names. `name` is the argument's.

    Raises:
        UsageError: it is anything else, empty, or no path that a file could have.
    """
    try:
        text = os.fspath(value)
    except TypeError:
        text = None
    if not isinstance(text, str):
        raise UsageError(f"{name}: {shown(value)} is no path; give a str or an os.PathLike of one")
    try:
        usable = bool(text) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise UsageError(f"{name}: {shown(text)} is not the path of a file")
    return text


def path(name: str, value: Any) -> Path:
    """As path_text(), as a Path."""
    return Path(path_text(name, value))


def paths(name: str, value: Any) -> list[str]:
    """The paths of one or more; one alone is never taken for its letters.

    Raises:
        UsageError: it is neither a path nor an iterable of paths, or relative to a folder that was removed.
    """
    many = [value] if isinstance(value, str | bytes | os.PathLike) else value
    if not isinstance(many, Iterable):
        raise UsageError(f"{name}: {shown(value)} is none; give one or more")
    given = [path_text(name, one) for one in many]
    if any(not text.startswith("/") for text in given) and _working_directory_is_removed():
        raise UsageError(f"{name} {shown(given[0])}: {REMOVED}")
    return given


def absolute(name: str, value: Any) -> str:
    """As path_text(), from the root; no link is followed.

    Raises:
        UsageError: the path is relative, and the working directory was removed, or its mount was.
    """
    text = path_text(name, value)
    try:
        return os.path.abspath(text)
    except FileNotFoundError:
        gone = REMOVED if _working_directory_is_removed() else f"the mount of {REMOVED}"
        raise UsageError(f"{name} {shown(text)}: {gone}") from None


def _working_directory_is_removed() -> bool:
    """Not one whose mount was detached: that has no path either, and can be looked at still."""
    try:
        return str(Path("/proc/self/cwd").readlink()).endswith(" (deleted)")
    except OSError:
        return False


def text(name: str, value: Any) -> str:
    """Raises UsageError: it is no str."""
    if not isinstance(value, str):
        raise UsageError(f"{name}: {shown(value)} is not right; give a str")
    return value


def seconds(name: str, value: Any) -> float:
    """Raises UsageError: it is no number above 0, or more than poll(2) can wait."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MOST_SECONDS:
        raise UsageError(f"{name} {shown(value)}: give a number of seconds above 0, {MOST_SECONDS:,} at most")
    return value


def flag(name: str, value: Any) -> bool:
    """Raises UsageError: it is neither True nor False. ("no" would be taken for yes.)"""
    if not isinstance(value, bool):
        raise UsageError(f"{name}: {shown(value)} is not right; give True or False")
    return value


def number(name: str, value: Any, least: int, most: int) -> int:
    """Raises UsageError: it is no whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"{name} {shown(value)}: give a number from {least} to {most}")
    return value

"""Lines that fit a terminal: broken between words, never within a path or a command that is to be copied.

Where nobody reads on a terminal (a pipe, a file) a line stays one, for grep and for scripts.
"""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False  # importing typing would double the time of --help
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

WIDEST = 100  # of prose: longer lines are hard to follow
COMMAND = "command: "  # before a line for `sh`, which stays whole
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_QUOTED = re.compile(r"`[^`]*`|(?<![^\s(=:])'[^']*'(?:\"'\"'[^']*')*(?!\w)|(?<![^\s(=:])\"[^\"]*\"")
_HELD = "\0"  # stands for a blank at which no line ends


def columns(stream: TextIO | None = None) -> int | None:
    """How wide the terminal is that `stream` (default stdout) goes to, or COLUMNS says that it is; None if it
    is none."""
    stream = stream or sys.stdout
    if not stream.isatty():
        return None
    told = os.environ.get("COLUMNS", "")
    try:
        return int(told) if told.isdecimal() else os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def cells(text: str) -> int:
    """How many columns a terminal takes for a text without line ends."""
    plain = _COLOUR.sub("", text).replace(_HELD, " ")
    if plain.isascii():
        return len(plain)
    from rich.cells import cell_len  # 5 ms, for names that are not ASCII alone

    return cell_len(plain)


def shortened(text: str, width: int) -> str:
    """Its two ends: of a path the one tells the mount, the other the entry."""
    if cells(text) <= width:
        return text
    left = (width - 3) // 2
    head, tail = text[:left], text[-(width - 3 - left) :]
    while cells(head) > left:
        head = head[:-1]
    while cells(tail) > width - 3 - left:
        tail = tail[1:]
    return f"{head}...{tail}"


def fitted(text: str, width: int | None, whole: Iterable[str] = ()) -> str:
    """`text` in lines of at most `width` columns, as far as its words allow; as it is where that is None.

    What is quoted is one word, and so is each of the paths `whole` and each folder above it. A line goes on
    below what follows its first columns, which two blanks end, or indented by two.
    """
    if width is None:
        return text
    held = [path[:end] for path in set(whole) for end in _ends(path) if " " in path[:end]]
    held.sort(key=len, reverse=True)
    return "\n".join(_line(line, min(width, WIDEST), held) for line in text.split("\n"))


def _ends(path: str) -> list[int]:
    """Where the path and each folder above it end."""
    return [found.start() for found in re.finditer("(?<=[^/])(?=/|$)", path)]


def _line(line: str, width: int, held: list[str]) -> str:
    if cells(line) <= width:
        return line
    head, mark, command = line.partition(COMMAND)
    if mark and not head.strip():
        return f"{head}{mark.rstrip()}\n{head}  {command}"
    for text in held:
        line = line.replace(text, text.replace(" ", _HELD))
    line = _QUOTED.sub(lambda found: found[0].replace(" ", _HELD), line)
    label = line[: len(line) - len(re.sub(r"^ *(?:\S+ {2,})*", "", line))]
    indent = " " * (cells(label) if label.strip() else len(label) + 2)
    first, *words = line[len(label) :].split()
    lines = [label + first]
    for word in words:
        if cells(lines[-1]) + 1 + cells(word) > width:
            lines.append(indent + word)
        else:
            lines[-1] += f" {word}"
    return "\n".join(lines).replace(_HELD, " ")

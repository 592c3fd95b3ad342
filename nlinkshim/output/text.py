"""Text reports."""

from __future__ import annotations

import os
import sys
from typing import TextIO

GREEN, YELLOW, RED = "32", "33", "31"


def coloured(text: str, colour: str, stream: TextIO | None = None) -> str:
    """`text` in a colour if `stream` (default stdout) is a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not (stream or sys.stdout).isatty():
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def printable(text: str) -> str:
    """A path as one can show it: bytes that are not UTF-8, and control characters, as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1].replace("\\udc", "\\x") for c in text)

"""Text reports."""

from __future__ import annotations

import codecs
import os
import sys

from nlinkshim.output.lines import columns, fitted

TYPE_CHECKING = False  # importing typing would double the time of --help
if TYPE_CHECKING:
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


def tell(message: object) -> None:
    """One line on stderr, whatever the message quotes; on a terminal broken between words, the arguments of
    this process being such. Lost where nobody can read it."""
    text = f"nlinkshim: {printable(str(message))}"
    try:
        print(fitted(text, columns(sys.stderr), map(printable, sys.argv[1:])), file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Lose what is still to be written: the interpreter would try it again as it ends, and end with 120."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def as_it_came(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handler of encoding errors (codecs.register_error): bytes of a path that are no text go out as they
    came in, what the locale has no character for as an escape."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeEncodeError:
        return codecs.lookup_error("backslashreplace")(error)

"""The parser of a command: one line for what is wrong, a guess at what was misspelt, and 80 columns."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from nlinkshim.arguments import guess
from nlinkshim.errors import UsageError

WIDTH = 80

EPILOG = """\
exit codes: 0 all well, 1 the check found something wrong, 2 wrong usage,
3 could not be completed, 4 the shim could not be loaded or is another version"""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Paragraphs are filled to the width; an indented line is a row of a list and stays one."""

    def __init__(self, prog: str, width: int = WIDTH) -> None:
        super().__init__(prog, width=width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in filled(text, width - len(indent)))


def filled(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, as far as words allow."""
    import textwrap

    lines: list[str] = []
    for part in re.findall(r"(?:^ .*$)|(?:^$)|(?:^[^ \n].*$\n?)+", text, re.MULTILINE):
        row = re.match(r"( +\S+ {2,})?( *)", part)
        hanging = " " * len(row[0] if row else "")
        lines += textwrap.wrap(part, width, subsequent_indent=hanging, break_on_hyphens=False) or [""]
    return lines


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print its usage and exit."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, description=description, epilog=EPILOG, formatter_class=Formatter)

    def format_help(self) -> str:
        import shutil  # not in Formatter: argparse makes one for every argument added, and this takes 2 ms

        columns = shutil.get_terminal_size().columns
        self.formatter_class = partial(Formatter, width=min(WIDTH, columns))
        return super().format_help()

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            word = rest[0].partition("=")[0]
            options = [option for action in self._actions for option in action.option_strings]
            if word.startswith("-"):
                self.error(f"there is no option {word}{guess(word, options)}")
            self.error(f"{rest[0]!r} is one argument too many")
        return found

    def error(self, message: str) -> NoReturn:
        name = self.prog.removeprefix("nlinkshim").strip()
        raise UsageError(f"{name}: {message}; see {self.prog} --help")

"""Show the commands, the options of one, or a page of the documentation. Where a command and a page have one
name, NAME.md is the page."""

from __future__ import annotations

import argparse
import pydoc
import sys
import sysconfig
from pathlib import Path

from nlinkshim.arguments import guess
from nlinkshim.commands import COMMANDS, overview, parser_of
from nlinkshim.errors import ExitCode, UsageError

INSTALLED = "share/doc/nlinkshim"  # pyproject.toml's data-files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a command or a page")


def pages() -> dict[str, Path]:
    """The documentation: file name and path. In a checkout, or where pip puts data: of an environment, of the
    system, of a user (--user), beside the package (--target)."""
    beside = Path(__file__).parents[2]
    prefixes = [sysconfig.get_path("data"), sysconfig.get_path("data", "posix_user"), str(beside)]
    for folder in [beside / "docs", *(Path(prefix) / INSTALLED for prefix in prefixes)]:
        if (folder / "limits.md").is_file():
            return {path.name: path for path in sorted(folder.glob("*.md"))}
    return {}


def run(arguments: argparse.Namespace) -> int:
    found = pages()
    name = arguments.name
    if name is None:
        print(f"{overview()}\n\npages, for nlinkshim help PAGE:")
        print("".join(f"  {page}\n" for page in found), end="")
        return ExitCode.WELL
    if name in COMMANDS:
        print(parser_of(name).format_help(), end="")
        if f"{name}.md" in found:
            print(f"\nmore: nlinkshim help {name}.md")
        return ExitCode.WELL
    path = found.get(name) or found.get(f"{name}.md")
    if path is None:
        raise UsageError(f"help: there is no command or page {name}{guess(name, [*COMMANDS, *found])}")
    text = path.read_text(encoding="utf-8")
    if sys.stdout.isatty():
        pydoc.pager(text)
    else:
        print(text, end="")
    return ExitCode.WELL

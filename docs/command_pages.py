"""Write the manual pages and the shells' completions from the commands' parsers (`make docs`); with
--check only say which are others."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from nlinkshim._version import __version__
from nlinkshim.commands import COMMANDS, DESCRIPTION, load, parser_of
from nlinkshim.commands._parser import Parser

HERE = Path(__file__).parent
DATE = "2026-11-25"  # of these pages' last change in kind; the texts come from the parsers
SHELLS = {"bash": "nlinkshim", "zsh": "_nlinkshim", "fish": "nlinkshim.fish"}
FILES = {"FILE", "PATH", "DEST", "PROGRAM"}
FOLDERS = {"DIR", "ROOTFS"}


def whole() -> Parser:
    """All commands below one parser."""
    parser = Parser("nlinkshim", DESCRIPTION)
    parser.add_argument("-V", "--version", action="version", version=__version__, help="show the version")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=argparse.ArgumentParser)
    for name, line in COMMANDS.items():
        load(name).add_arguments(commands.add_parser(name, help=line, description=line))
    return parser


def manual(parser: argparse.ArgumentParser, line: str) -> str:
    data = {
        "date": DATE,
        "project_name": "nlinkshim",
        "version": __version__,
        "manual_title": "nlinkshim manual",
        "description": line,
    }
    page = Manpage(parser, data)
    page.prog = parser.prog.replace(" ", "-")  # as man finds it
    # an option that is torn at a hyphen cannot be copied
    return re.sub(r"^(\.TH .*\n)", r"\1.nh\n.ad l\n.cflags 0 - \\-\n", str(page), count=1).rstrip() + "\n"


def complete_paths(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                complete_paths(command)
        elif action.metavar in FILES | FOLDERS:
            action.complete = shtab.FILE if action.metavar in FILES else shtab.DIRECTORY  # type: ignore[attr-defined]


def wanted() -> dict[Path, str]:
    parser = whole()
    files = {HERE / "man" / "nlinkshim.1": manual(parser, DESCRIPTION.rstrip("."))}
    for name, line in COMMANDS.items():
        files[HERE / "man" / f"nlinkshim-{name}.1"] = manual(parser_of(name, load(name)), line)
    complete_paths(parser)
    for shell, file in SHELLS.items():
        files[HERE / "completions" / file] = shtab.complete(parser, shell=shell)
    return files


def main() -> int:
    others = {path: text for path, text in wanted().items() if not path.exists() or path.read_text() != text}
    if "--check" in sys.argv[1:]:
        for path in others:
            print(f"docs/{path.relative_to(HERE)} is out of date; run make docs", file=sys.stderr)
        return bool(others)
    for path, text in others.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

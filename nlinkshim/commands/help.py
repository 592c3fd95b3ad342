"""Show the commands, the options of one, or a page of the documentation. Where a command and a page have one
name, NAME.md is the page."""

from __future__ import annotations

import argparse
import io
import pydoc
import sysconfig
from pathlib import Path
from typing import ClassVar

from nlinkshim.arguments import guess
from nlinkshim.commands import COMMANDS, load, overview, parser_of
from nlinkshim.errors import ExitCode, UsageError
from nlinkshim.output.lines import WIDEST, columns

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


def _rendered(markdown: str, width: int) -> str:
    """A page as lines of text; those of a code block stay whole."""
    from rich.console import Console, RenderResult
    from rich.markdown import CodeBlock, Markdown
    from rich.text import Text

    class Whole(CodeBlock):
        def __rich_console__(self, *_: object) -> RenderResult:
            yield Text(f"\n{self.text}".replace("\n", "\n    "), no_wrap=True, overflow="ignore")

    class Page(Markdown):
        elements: ClassVar = {**Markdown.elements, "fence": Whole, "code_block": Whole}

    console = Console(file=io.StringIO(), width=width, no_color=True)
    with console.capture() as captured:
        console.print(Page(markdown, hyperlinks=False), crop=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def run(arguments: argparse.Namespace) -> int:
    found = pages()
    name = arguments.name
    if name is None:
        print(f"{overview()}\n\npages, for nlinkshim help PAGE:")
        print("".join(f"  {page}\n" for page in found), end="")
        return ExitCode.WELL
    if name in COMMANDS:
        print(parser_of(name, load(name)).format_help(), end="")
        if f"{name}.md" in found:
            print(f"\nmore: nlinkshim help {name}.md")
        return ExitCode.WELL
    path = found.get(name) or found.get(f"{name}.md")
    if path is None:
        raise UsageError(f"help: there is no command or page {name}{guess(name, [*COMMANDS, *found])}")
    text = path.read_text(encoding="utf-8")
    if width := columns():
        pydoc.pager(_rendered(text, min(width, WIDEST)))
    else:
        print(text, end="")
    return ExitCode.WELL

"""Write the functions and types of the Python API into api.md, from their signatures, docstrings and comments
(`make docs`); with --check only say if it is another."""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nlinkshim

PAGE = Path(__file__).with_name("api.md")
WIDTH = 88
# Each key of Settings is a row of another page.
ELSEWHERE = {"Settings": "Each key is a field, and in [generate](generate.md)'s table of settings."}


def functions() -> Iterator[str]:
    for name in nlinkshim.__all__:
        if inspect.isfunction(function := getattr(nlinkshim, name)):
            yield f"### {name}"
            yield _code(_signature(name, function))
            yield from _told(inspect.getdoc(function) or "")


def types() -> Iterator[str]:
    for name in nlinkshim.__all__:
        kind = getattr(nlinkshim, name)
        if not inspect.isclass(kind) or issubclass(kind, Exception):
            continue
        yield f"### {name}"
        yield from _told(inspect.getdoc(kind) or "")
        if name in ELSEWHERE:
            yield ELSEWHERE[name]
        elif issubclass(kind, enum.Enum):
            yield "\n".join(_row(member) for member in kind)
        elif fields := "\n".join(_fields(kind)):
            yield _code(fields)
        yield from _methods(kind)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _signature(name: str, function: Callable[..., Any]) -> str:
    """By hand: Pythons differ in how they show one."""
    signature = inspect.signature(function)
    parts = []
    for argument in signature.parameters.values():
        if argument.kind is argument.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        if argument.name not in {"cls", "self"}:
            default = "" if argument.default is argument.empty else f" = {argument.default!r}"
            parts.append(f"{argument.name}: {argument.annotation}{default}")
    head, end = f"{name}(", f") -> {signature.return_annotation}"
    line = head + ", ".join(parts) + end
    return line if len(line) <= WIDTH else "\n".join([head, *(f"    {part}," for part in parts), end])


def _told(about: str) -> Iterator[str]:
    """Paragraphs; the errors as a list, the example as code."""
    text, _, example = about.partition("\nExample:\n")
    text, _, errors = text.partition("Raises:\n")
    yield text.strip()
    if errors:
        joined = re.sub(r"\n {6,}", " ", errors.rstrip())
        yield "\n".join(f"- raises `{kind}`: {why}" for kind, why in re.findall(r"(\w+): (.*)", joined))
    if example:
        yield _code(inspect.cleandoc(example).replace("  # doctest: +SKIP", ""))


def _row(member: enum.Enum) -> str:
    meaning = getattr(member, "meaning", None)
    return f"- `{member.name}` = `{member.value!r}`" + (f": {meaning}" if meaning else "")


def _fields(kind: type) -> Iterator[str]:
    """The lines of the class that declare them, with their comments."""
    source = inspect.cleandoc("\n" + inspect.getsource(kind))
    lines = source.splitlines()
    (declared,) = ast.parse(source).body
    for node in ast.iter_child_nodes(declared):
        if isinstance(node, ast.AnnAssign):
            line = re.sub("  # type: ignore.*", "", lines[node.lineno - 1].strip())
            yield re.sub(
                r"(?<=[\[ ])[A-Z]\w+(?=.*  #|[^#]*$)", lambda found: _at_the_top(kind, found[0]), line
            )


def _at_the_top(kind: type, name: str) -> str:
    """What a name of the class's module is called in the package, or the value of a constant."""
    value = getattr(sys.modules[kind.__module__], name, None)
    if isinstance(value, int):
        return repr(value)
    same = (top for top in nlinkshim.__all__ if inspect.isclass(value) and getattr(nlinkshim, top) is value)
    return next(same, name)


def _methods(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or dataclasses.is_dataclass(function):
            continue
        if isinstance(member, property):
            yield _code(f"{name}: {function.__annotations__['return']}  # a property")
        else:
            yield _code(_signature(name, function))
        yield from _told(inspect.getdoc(function) or "")


def wanted(page: str) -> str:
    for name, blocks in (("functions", functions), ("types", types)):
        begin, end = f"<!-- {name}: make docs -->\n", f"<!-- end of {name} -->\n"
        before, rest = page.split(begin)
        page = before + begin + "\n\n".join(filter(None, blocks())) + "\n\n" + end + rest.split(end)[1]
    return page


def main() -> int:
    page = PAGE.read_text()
    text = wanted(page)
    if text == page:
        return 0
    if "--check" in sys.argv[1:]:
        print("docs/api.md is out of date; run make docs", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

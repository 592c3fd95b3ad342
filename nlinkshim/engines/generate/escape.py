"""The templates' filters: how a value is written where it goes. What no filter has seen is not written."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Callable, Iterable


class Escaped(str):
    """Text that is fit for the place that it goes to."""

    __slots__ = ()


def for_yaml(value: object) -> Escaped:
    """A YAML scalar, or a sequence in one line: JSON is YAML."""
    return Escaped(json.dumps(value, ensure_ascii=False))


def for_toml(value: object) -> Escaped:
    """A TOML value: JSON's strings, numbers, booleans and arrays are TOML too."""
    # ensure_ascii would write a letter beyond U+FFFF as two escapes, which is no TOML
    return Escaped(json.dumps(value, ensure_ascii=False))


def for_shell(value: object) -> Escaped:
    """One word of a shell command."""
    return Escaped(shlex.quote(str(value)))


def for_shell_words(values: Iterable[object]) -> Escaped:
    """Several words of a shell command."""
    return Escaped(shlex.join(map(str, values)))


def for_smb_conf(value: object) -> Escaped:
    """The value of a line in smb.conf, where % begins a variable."""
    return Escaped(plain(value).replace("%", "%%"))


def plain(value: object) -> Escaped:
    """What means itself everywhere: a word of a Containerfile, a comment, the middle of a quoted text."""
    text = str(value)
    if not re.fullmatch(r"[A-Za-z0-9/._:@+=,%-]*", text, re.ASCII):
        raise ValueError(f"{text!a} is not plain")
    return Escaped(text)


def for_comment(value: object, indent: int) -> Escaped:
    """Comment lines, the first of which stands `indent` columns from the left already."""
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{text!a} does not fit a comment")
    return Escaped(f"\n{'':{indent}}".join(f"# {line}" for line in textwrap.wrap(text, 100 - indent)))


FILTERS: dict[str, Callable[..., Escaped]] = {
    "comment": for_comment,
    "plain": plain,
    "sh": for_shell,
    "smb": for_smb_conf,
    "toml": for_toml,
    "words": for_shell_words,
    "yaml": for_yaml,
}


def only_escaped(value: object) -> object:
    """For jinja2's finalize: refuse what came through no filter."""
    if isinstance(value, Escaped) or type(value) is int:
        return value
    raise TypeError(f"{value!r} is written by a template without a filter")

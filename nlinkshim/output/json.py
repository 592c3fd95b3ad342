"""JSON reports: a document, or a line each, with the name and version of its schema."""

from __future__ import annotations

import base64
import json
from typing import Any

from nlinkshim._version import __version__


def document(schema: str, **content: Any) -> str:
    """The text of a report; `schema` is a name and version such as nlinkshim.verify/1.

    Each string is valid Unicode. In those that stand for bytes that are not UTF-8 (a path, a remedy that
    names it), each such byte is written as \\xNN; and where there is any, `bytes` has them all exactly: by
    JSON pointer (RFC 6901), in base64.
    """
    return json.dumps(_whole(schema, content), indent=2)


def line(schema: str, **content: Any) -> str:
    """The same on one line, for a report that is told piece by piece."""
    return json.dumps(_whole(schema, content))


def _whole(schema: str, content: dict[str, Any]) -> dict[str, Any]:
    exact: dict[str, str] = {}
    whole = _unicode({"schema": schema, "version": __version__, **content}, "", exact)
    return {**whole, "bytes": exact} if exact else whole


def _unicode(value: Any, pointer: str, exact: dict[str, str]) -> Any:
    """`value` without the lone surrogates that os.fsdecode makes; what they stood for goes to `exact`."""
    if isinstance(value, dict):
        return {
            key: _unicode(inner, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", exact)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_unicode(inner, f"{pointer}/{number}", exact) for number, inner in enumerate(value)]
    if not isinstance(value, str) or value.isascii():
        return value
    encoded = value.encode(errors="surrogateescape")
    shown = encoded.decode(errors="backslashreplace")
    if shown != value:
        exact[pointer] = base64.b64encode(encoded).decode()
    return shown

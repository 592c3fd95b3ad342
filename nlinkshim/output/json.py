"""JSON reports: one document, with the name and version of its schema."""

from __future__ import annotations

import json
from typing import Any

from nlinkshim import __version__


def document(schema: str, **content: Any) -> str:
    """The text of a report; `schema` is a name and version such as nlinkshim.verify/1.

    Bytes of a path that are not UTF-8 come out as lone surrogates, escaped: os.fsencode gets them back.
    """
    return json.dumps({"schema": schema, "version": __version__, **content}, indent=2)

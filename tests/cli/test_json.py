"""JSON reports are valid for every reader, whatever the bytes of a path."""

from __future__ import annotations

import json

import pytest

from nlinkshim.output.json import document

pytestmark = pytest.mark.quick


def test_json_has_the_exact_bytes_beside():
    text = document("nlinkshim.x/1", paths=["/é", ("/\udce9", {"a/b~": "\udcff\udcfeé"})], plain="back\\xe9")
    found = json.loads(text)
    assert text.isascii() and "\\udc" not in text
    assert found["paths"] == ["/é", ["/\\xe9", {"a/b~": "\\xff\\xfeé"}]]
    assert found["bytes"] == {"/paths/1/0": "L+k=", "/paths/1/1/a~1b~0": "//7DqQ=="}
    assert "bytes" not in json.loads(document("nlinkshim.x/1", plain="back\\xe9"))

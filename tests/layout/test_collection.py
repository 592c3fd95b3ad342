"""All tests can be collected together: pytest imports what is in no package by its file name alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

TESTS = Path(__file__).parents[1]


def test_no_two_modules_have_one_name():
    modules = [path for path in TESTS.rglob("*.py") if not (path.parent / "__init__.py").exists()]
    names = Counter(path.name for path in modules if path.name != "conftest.py")  # these pytest tells apart
    assert len(names) > 20
    assert [name for name, count in names.items() if count > 1] == []

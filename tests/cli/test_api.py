"""The Python API as a table: each argument of each public function, what it takes and what it refuses."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.mounts import FuseMount

import nlinkshim as package
from nlinkshim import UsageError
from nlinkshim.arguments import shown
from nlinkshim.engines.generate.settings import Settings
from nlinkshim.engines.verify.options import Options

pytestmark = pytest.mark.quick

PROGRAM = "/bin/sh"


@dataclass(frozen=True)
class Entry:
    """A path of somebody else's making, as os.DirEntry is one."""

    text: str

    def __fspath__(self) -> str:
        return self.text


# "{}" stands for the test's folder; `summary` is what must be the same, however the path is given.
@dataclass(frozen=True)
class PathArgument:
    function: str
    name: str
    good: str
    others: tuple[Any, ...] = ()  # arguments before it
    summary: Callable[[Any], Any] = lambda result: result


PATHS = [
    PathArgument("audit", "program", PROGRAM),
    PathArgument("audit", "root", "/", (PROGRAM,)),
    PathArgument("audit", "shim", str(package.shim_path()), (PROGRAM,)),
    PathArgument("doctor", "path", "{}", summary=lambda found: [(one.id, one.subject) for one in found]),
    PathArgument("generate", "out", "{}", ("container",), summary=sorted),
    PathArgument("check_generated", "out", "{}", ("container",)),
    PathArgument("install", "destination", "{}", summary=lambda done: done.path),
    PathArgument("install", "root", "/", ("{}",), summary=lambda done: done.path),
    PathArgument("install", "program", PROGRAM, ("{}",)),
    PathArgument("verify", "paths", "{}", summary=lambda results: [one.path for one in results]),
    PathArgument("preload_environment", "shim", str(package.shim_path())),
    PathArgument("preload_environment", "scope", "/mnt/dfs"),
]
NO_PATHS = [5, True, b"/tmp", ["/tmp"], "", "/tmp/a\0b", "/tmp/\ud800", object()]

NO_SECONDS = [-1, 0, math.nan, math.inf, 1e300, 10**5000, "1", True, None]
NO_FLAGS = ["no", 1, None]
WRONG = {
    ("doctor", "timeout"): NO_SECONDS,
    ("doctor", "consumer"): [0, 5, b"1", True, "", "a\0b", "no-such-container-anywhere"],
    ("doctor", "user"): [0, b"root", "no-such-user", "a\0b", "9" * 5000],
    ("generate", "force"): NO_FLAGS,
    ("generate", "target"): [5, None, "vm", ["container"], {}],
    ("generate", "settings"): [
        5,
        {"shares": ["dfs"]},
        Settings(shares="dfs"),  # type: ignore[arg-type]  letters would be shares
        Settings(mount_path="relative"),
        Settings(mount_wait="60"),  # type: ignore[arg-type]
    ],
    ("install", "dry_run"): NO_FLAGS,
    ("install", "machine"): [5, b"x86_64", "vax"],
    ("preload_environment", "environment"): [5, "A=B", ["A=B"]],
    ("status", "pid"): [0, -1, "1", True, 1.0, 2**40, 10**5000],
    ("status", "name"): [5, b"smbd", ["smbd"]],
    ("status", "timeout"): NO_SECONDS,
}
OUT_OF_RANGE = {
    "jobs": [0, -1, 65, 2**70, "4", None, True],
    "sample": [0, -1, "all"],
    "max_entries": [-1, 2**70, "all"],
    "timeout": NO_SECONDS,
    "exclude": [5, [5], None],
    "scope": [5, "relative", ""],
    "shim": [5, b"/tmp", ""],
    **dict.fromkeys(["one_file_system", "thorough", "every_entry_point", "plain"], NO_FLAGS),
}
WRONG |= {("check_generated", name): WRONG["generate", name] for name in ("target", "settings")}
WRONG["verify", "progress"] = [5, "bar"]
WRONG["verify", "options"] = [
    5,
    {"jobs": 4},
    (4,),
    *(Options(**{name: value}) for name, values in OUT_OF_RANGE.items() for value in values),
]
NEEDED = {
    "verify": ("{}",),
    "generate": ("container", "{}"),
    "check_generated": ("container", "{}"),
    "install": ("{}",),
}
SUBJECTS = {  # what is given by position; all else is an option, by keyword alone
    "audit": ["program"],
    "check_generated": ["target", "out"],
    "doctor": ["path"],
    "generate": ["target", "out"],
    "install": ["destination"],
    "preload_environment": ["environment"],
    "shim_path": [],
    "status": [],
    "verify": ["paths"],
}

FUNCTIONS = [name for name in package.__all__ if inspect.isfunction(getattr(package, name))]


def call(function: str, name: str, value: Any, others: tuple[Any, ...], folder: Path) -> Any:
    given = getattr(package, function)
    positional = list(inspect.signature(given).parameters)
    filled = {key: _in(folder, other) for key, other in zip(positional, others, strict=False)}
    return given(**{**filled, name: value})


def _in(folder: Path, value: Any) -> Any:
    return value.replace("{}", str(folder)) if isinstance(value, str) else value


def test_every_argument_is_in_the_table() -> None:
    rows = {(row.function, row.name) for row in PATHS} | set(WRONG)
    arguments = {
        (name, argument)
        for name in FUNCTIONS
        for argument in inspect.signature(getattr(package, name)).parameters
    }
    assert rows == arguments


def test_the_subject_comes_by_position_and_all_else_by_keyword() -> None:
    by_position = {
        name: [
            argument.name
            for argument in inspect.signature(getattr(package, name)).parameters.values()
            if argument.kind is not argument.KEYWORD_ONLY
        ]
        for name in FUNCTIONS
    }
    assert by_position == SUBJECTS


@pytest.mark.parametrize("row", PATHS, ids=lambda row: f"{row.function}-{row.name}")
def test_a_path_may_be_a_str_and_any_path_like(row: PathArgument, tmp_path: Path) -> None:
    seen = []
    for number, kind in enumerate((Path, str, Entry)):
        folder = tmp_path / str(number)
        folder.mkdir()
        value = kind(_in(folder, row.good))
        result = row.summary(call(row.function, row.name, value, row.others, folder))
        seen.append(repr(result).replace(str(folder), "FOLDER"))
        if "{}" in (row.good, *row.others) and row.function in ("generate", "install"):
            assert list(folder.iterdir()), "written where it was told"
    assert seen == [seen[0]] * 3


@pytest.mark.parametrize("value", NO_PATHS, ids=ascii)
@pytest.mark.parametrize("row", PATHS, ids=lambda row: f"{row.function}-{row.name}")
def test_what_is_no_path_is_refused(row: PathArgument, value: Any, tmp_path: Path) -> None:
    if row.name == "paths" and isinstance(value, list):
        value = [value]
    refuses(row.function, row.name, value, row.others, tmp_path)


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [(*key, value) for key, values in WRONG.items() for value in values],
    ids=lambda value: shown(value)[:40],
)
def test_a_wrong_value_is_refused(function: str, name: str, value: Any, tmp_path: Path) -> None:
    refuses(function, name, value, NEEDED.get(function, ()), tmp_path)


def refuses(function: str, name: str, value: Any, others: tuple[Any, ...], folder: Path) -> None:
    """With one short line, and nothing written."""
    with pytest.raises(UsageError) as refusal:  # a ValueError, as Python's own functions raise
        call(function, name, value, others, folder)
    assert isinstance(refusal.value, ValueError)
    assert len(str(refusal.value).splitlines()) == 1
    assert len(str(refusal.value)) < 400
    assert os.listdir(folder) == []  # noqa: PTH208


def test_the_package_lists_what_it_offers() -> None:
    assert dir(package) == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'verfy'"):
        package.verfy  # type: ignore[attr-defined]  # noqa: B018


def test_a_process_is_looked_for_by_number_or_by_name() -> None:
    with pytest.raises(UsageError, match="not both"):
        package.status(pid=1, name="smbd")


def test_verify_takes_one_path_and_many(tmp_path: Path) -> None:
    """One path is never taken for its letters, which would begin with a walk of /."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    for many in ([str(one), other], (one, str(other)), iter([one, other])):
        assert [result.path for result in package.verify(many)] == [str(one), str(other)]
    for wrong in (5, None, b"/tmp", [5], [b"/tmp"], ["/tmp/a\0b"], []):
        with pytest.raises(UsageError):
            package.verify(wrong)  # type: ignore[arg-type]


def test_verify_takes_one_pattern_and_many(lying_mount: FuseMount) -> None:
    whole, one, many = (
        package.verify([lying_mount.path], options=Options(exclude=given))[0].entries
        for given in ((), "*a*", ("*a*",))
    )
    assert one == many < whole

"""What a profile of AppArmor allows, read from its text (apparmor.d(5)): rules for files, with their globs,
variables and includes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_MAX_FILES = 500
_MAX_VALUES = 1000  # of the variables in one rule
_INCLUDE = re.compile(r"\s*#?include\s+(?:if\s+exists\s+)?[<\"]([^>\"]+)[>\"]")
_VARIABLE = re.compile(r"\s*(@\{\w+\})\s*\+?=\s*(.*)")
_RULE = re.compile(
    r"\s*((?:(?:audit|quiet|allow|deny|owner|file)\s+)*)(\"[^\"]+\"|[/@][^\s,]*(?:,[^\s,]+)*)\s+([a-zA-Z]+)\b"
)
_ANY_FILE = re.compile(r"\s*(?:allow\s+)?file\s*,")


class Profile:
    """The rules of one profile's file and of what it includes, `folder` being /etc/apparmor.d."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.variables: dict[str, list[str]] = {}
        self.rules: list[tuple[bool, str, str]] = []  # whether it denies, the path, the permissions
        self.allows_all = False
        lines = list(_lines(path, folder, set()))
        for line in lines:
            if variable := _VARIABLE.match(line):
                values = variable[2].partition("#")[0].replace('"', "").split()
                self.variables.setdefault(variable[1], []).extend(values)
            elif _ANY_FILE.match(line):
                self.allows_all = True
            elif rule := _RULE.match(line):
                self.rules.append(("deny" in rule[1].split(), rule[2].strip('"'), rule[3]))

    def allows(self, path: str, permission: str) -> bool:
        """Whether `permission` (r, m, ...) is granted for a path, and not denied by another rule."""
        matching = [
            denies
            for denies, pattern, permissions in self.rules
            if permission in permissions
            and any(_matches(glob, path) for glob in _expanded(pattern, self.variables))
        ]
        return (bool(matching) or self.allows_all) and not any(matching)


def _lines(path: Path, folder: Path, seen: set[Path]) -> Iterator[str]:
    """Of a file and, in their place, of what it includes: files, and those of folders."""
    if path in seen or len(seen) > _MAX_FILES:
        return
    seen.add(path)
    try:
        files = sorted(path.iterdir()) if path.is_dir() else None
        text = "" if files else path.read_text(errors="replace")
    except OSError:
        return
    for file in files or ():
        yield from _lines(file, folder, seen)
    for line in text.splitlines():
        if include := _INCLUDE.match(line):
            yield from _lines(folder / include[1], folder, seen)
        elif not line.lstrip().startswith("#"):
            yield line


def _expanded(pattern: str, variables: Mapping[str, list[str]]) -> list[str]:
    """A pattern for each value of the variables in it; none if one of them has no value."""
    waiting, done = [pattern], []
    for _ in range(_MAX_VALUES):
        if not waiting:
            break
        text = waiting.pop()
        variable = re.search(r"@\{\w+\}", text)
        if variable is None:
            done.append(re.sub("/+", "/", text))
        else:
            waiting += [text.replace(variable[0], value, 1) for value in variables.get(variable[0], [])]
    return done


_PARTS = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", ",": "|", "}": ")"}


def _matches(glob: str, path: str) -> bool:
    """A glob that is none, such as [z-a], matches nothing: AppArmor's parser refuses it."""
    try:
        return re.fullmatch(_regex(glob), path) is not None
    except re.error:
        return False


def _regex(glob: str) -> str:
    """A glob of AppArmor as a regular expression."""
    result, braces = "", 0
    for part in re.findall(r"\*\*|\\.|\[[^\]]*\]|.", glob):
        if part in _PARTS and (part not in ",}" or braces):
            braces += {"{": 1, "}": -1}.get(part, 0)
            result += _PARTS[part]
        else:
            result += part if len(part) > 1 and part[0] == "[" else re.escape(part[-1])
    return result + ")" * braces


def find_profile(folder: Path, name: str, programs: tuple[str, ...]) -> Path | None:
    """The file with the profile of this name, or for one of the programs, in /etc/apparmor.d."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file())
    except OSError:
        return None
    for file, word in itertools.product(files, (name, *programs)):
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue
        header = re.search(rf"^\s*(?:profile\s+)?{re.escape(word)}[\s{{]", text, re.MULTILINE)
        if header or file.name == word.strip("/").replace("/", "."):
            return file
    return None

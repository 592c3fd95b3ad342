"""The output folder: compared with what it should hold, and written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nlinkshim.engines.generate.files import GENERATED, SOURCES, Rendered
from nlinkshim.errors import UsageError

HEAD = 3  # a generated file says so in one of its first lines


def differences(folder: Path, files: Mapping[PurePosixPath, Rendered]) -> list[str]:
    """One line for each file of `folder` that is missing, is other than it should be, or was left behind.

    What the user keeps beside them is no difference, nor is a file that is theirs once it is there.
    """
    lines = []
    for name, wanted in files.items():
        path = folder / name
        if wanted.kept:
            continue
        if not path.exists():
            lines.append(f"{name}: missing")
        elif not path.is_file() or path.read_bytes() != wanted.content:
            lines.append(f"{name}: differs")
        elif path.stat().st_mode & 0o111 != wanted.mode & 0o111:
            lines.append(f"{name}: has mode {path.stat().st_mode & 0o777:o} instead of {wanted.mode:o}")
    return lines + [f"{path.relative_to(folder)}: left from an earlier run" for path in _left(folder, files)]


def write(
    folder: Path, files: Mapping[PurePosixPath, Rendered], *, force: bool = False
) -> list[PurePosixPath]:
    """Write all files, or none; the user's own only where they are not there. Returns what it wrote.

    `force` replaces those that are there and other, and removes what an earlier run left.

    Raises:
        UsageError: a file is there and other, and `force` was not given; or something stands in the way.
        OSError: a file cannot be written.
    """
    files = {name: wanted for name, wanted in files.items() if not (wanted.kept and _is_there(folder / name))}
    for name, wanted in files.items():
        path = folder / name
        if path.is_dir() or any(above.exists() and not above.is_dir() for above in path.parents):
            raise UsageError(f"{path}: something stands in the way that is no file of ours")
        if not force and path.exists() and path.read_bytes() != wanted.content:
            raise UsageError(f"{path}: exists and differs; --force overwrites, --check lists what differs")
    folder.mkdir(parents=True, exist_ok=True)
    # all is on the disk before the first file is replaced
    with tempfile.TemporaryDirectory(prefix=".nlinkshim-", dir=folder) as staged:
        for name, wanted in files.items():
            path = Path(staged, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted.content)
            path.chmod(wanted.mode)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Path(staged, name).replace(folder / name)
    if force:
        for path in _left(folder, files):
            path.unlink()
    return list(files)


def _left(folder: Path, files: Mapping[PurePosixPath, Rendered]) -> list[Path]:
    """Generated files that are not among `files`: of another target, or of other settings.

    Only where we write such: a folder of the user's may hold another output of ours.
    """
    others = [
        folder / source.path
        for source in SOURCES
        if PurePosixPath(source.path) not in files and not source.kept
    ]
    return [path for path in others if path.is_file() and not path.is_symlink() and _generated(path)]


def _is_there(path: Path) -> bool:
    """Whatever it is: a link to a file that is elsewhere, too."""
    return path.exists() or path.is_symlink()


def _generated(path: Path) -> bool:
    with path.open("rb") as file:
        return any(GENERATED.encode() in file.readline(1000) for _ in range(HEAD))

"""`generate`, whole, and its check."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path, PurePosixPath

from nlinkshim import arguments
from nlinkshim.engines.generate.files import TARGETS, Rendered, render
from nlinkshim.engines.generate.folder import differences, write
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings
from nlinkshim.errors import UsageError


def generate(
    target: str,
    out: str | os.PathLike[str],
    *,
    settings: Settings | None = None,
    force: bool = False,
) -> list[str]:
    """Write the files of `target` ("container", "compose" or "kubernetes") into the folder `out`, and return
    their paths below it.

    The output is the same for the same settings and version. `force` overwrites files that differ, but not
    those that are the user's once they are there (overlay/, compose.override.yaml), and removes those that an
    earlier run left.

    Raises:
        UsageError: an unknown target, an `out` that is no path, settings that are none or contradict each
            other, or files that are there and differ; nothing was written.
        OSError: the folder cannot be read or written.

    Example:
        >>> settings = nlinkshim.Settings.of({"mount_path": "/mnt/dfs/media", "users": ["alice=1000"]})
        >>> written = nlinkshim.generate("container", "dfs", settings=settings)
        >>> "README.md" in written
        True
    """
    arguments.flag("force", force)
    folder, files = _wanted(target, out, settings)
    return [str(name) for name in write(folder, files, force=force)]


def check_generated(
    target: str, out: str | os.PathLike[str], *, settings: Settings | None = None
) -> list[str]:
    """One line for each difference between the folder `out` and what `generate` would write there: a file
    that is missing, differs, has another mode, or was left from an earlier run. Nothing is written.

    Raises:
        UsageError: as `generate` does, but not for files that differ.
        OSError: the folder cannot be read.

    Example:
        >>> nlinkshim.check_generated("container", "no-such-folder")[0]
        'README.md: missing'
    """
    return differences(*_wanted(target, out, settings))


def _wanted(
    target: str, out: str | os.PathLike[str], settings: Settings | None
) -> tuple[Path, dict[PurePosixPath, Rendered]]:
    """The folder, and what it should hold."""
    if target not in TARGETS:
        raise UsageError(f"{arguments.shown(target)} is no target; expected one of {', '.join(TARGETS)}")
    model = Model.of(_checked(settings))
    model.refuse_for(target)
    return arguments.path("out", out), render(target, model)


def _checked(settings: Settings | None) -> Settings:
    """A Settings that was not made by Settings.of is of any values."""
    if settings is None:
        return Settings()
    if not isinstance(settings, Settings):
        raise UsageError(f"settings: {arguments.shown(settings)} is none; make it with Settings.of")
    return Settings.of(dataclasses.asdict(settings))

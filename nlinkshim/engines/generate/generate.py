"""`generate`, whole."""

from __future__ import annotations

import dataclasses
import os

from nlinkshim import arguments
from nlinkshim.engines.generate.files import TARGETS, render
from nlinkshim.engines.generate.folder import differences, write
from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings
from nlinkshim.errors import UsageError


def generate(
    target: str,
    out: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    force: bool = False,
    check: bool = False,
) -> list[str]:
    """Write the files of `target` ("container", "compose" or "kubernetes") into the folder `out`.

    The output is the same for the same settings and version. `force` overwrites files that differ. Returns
    the paths that were written, below `out`; with `check`, which writes nothing, one line for each
    difference between `out` and what would be written.

    Raises:
        UsageError: an unknown target, an `out` that is no path, settings that are none or contradict each
            other, or files that are there and differ; nothing was written.
        OSError: the folder cannot be read or written.
    """
    if target not in TARGETS:
        raise UsageError(f"{arguments.shown(target)} is no target; expected one of {', '.join(TARGETS)}")
    folder = arguments.path("out", out)
    model = Model.of(_checked(settings))
    model.refuse_for(target)
    files = render(target, model)
    if check:
        return differences(folder, files)
    write(folder, files, force=force)
    return [str(name) for name in files]


def _checked(settings: Settings | None) -> Settings:
    """A Settings that was not made by Settings.of is of any values."""
    if settings is None:
        return Settings()
    if not isinstance(settings, Settings):
        raise UsageError(f"settings: {arguments.shown(settings)} is none; make it with Settings.of")
    return Settings.of(dataclasses.asdict(settings))

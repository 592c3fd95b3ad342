"""`generate`, whole."""

from __future__ import annotations

from pathlib import Path

from nlinkshim.errors import UsageError
from nlinkshim.generator.files import TARGETS, render
from nlinkshim.generator.model import Model
from nlinkshim.generator.output import differences, write
from nlinkshim.generator.settings import Settings


def generate(
    target: str, out: Path, settings: Settings | None = None, *, force: bool = False, check: bool = False
) -> list[str]:
    """Write the files of `target` ("container", "compose" or "kubernetes") into the folder `out`.

    The output is the same for the same settings and version. `force` overwrites files that differ. Returns
    the paths that were written, below `out`; with `check`, which writes nothing, one line for each
    difference between `out` and what would be written.

    Raises:
        UsageError: an unknown target, settings that contradict each other, or files that are there and
            differ; nothing was written.
        OSError: the folder cannot be read or written.
    """
    if target not in TARGETS:
        raise UsageError(f"{target!r} is no target; expected one of {', '.join(TARGETS)}")
    files = render(target, Model.of(settings or Settings()))
    if check:
        return differences(out, files)
    write(out, files, force=force)
    return [str(name) for name in files]

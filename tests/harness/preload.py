"""The environment in which a process runs under the shim."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shim:
    """The library under test. Calling it makes an environment; `shim()` is the default scope."""

    path: Path

    def __call__(
        self,
        *,
        scope: str | Path | None = None,
        dir_nlink: int | None = None,
        verbose: bool = False,
        before: Path | None = None,
        after: Path | None = None,
        **variables: str,
    ) -> dict[str, str]:
        """`before` and `after` are further preloads, in front of the shim and behind it."""
        preloads = [str(library) for library in (before, self.path, after) if library is not None]
        settings = {
            "NLINKSHIM_SCOPE": None if scope is None else str(scope),
            "NLINKSHIM_DIR_NLINK": None if dir_nlink is None else str(dir_nlink),
            "NLINKSHIM_VERBOSE": "1" if verbose else None,
        }
        given = {key: value for key, value in settings.items() if value is not None}
        return {**bare(), "LD_PRELOAD": ":".join(preloads), **given, **variables}


def bare(**variables: str) -> dict[str, str]:
    """The environment without any preload or setting of ours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NLINKSHIM_", "LD_"))}
    return {**kept, "LC_ALL": "C.UTF-8", **variables}

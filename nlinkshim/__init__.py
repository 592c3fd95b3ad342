"""Makes FUSE mounts that report a link count of 0 usable through Samba."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nlinkshim.errors import ExitCode, NlinkshimError
    from nlinkshim.installer import install
    from nlinkshim.preload import preload_environment, shim_path
    from nlinkshim.verifier import verify

__all__ = [
    "ExitCode",
    "NlinkshimError",
    "__version__",
    "install",
    "preload_environment",
    "shim_path",
    "verify",
]

# Imported on first use: a command pays only for what it needs.
_HOMES = {
    "ExitCode": "nlinkshim.errors",
    "NlinkshimError": "nlinkshim.errors",
    "install": "nlinkshim.installer",
    "preload_environment": "nlinkshim.preload",
    "shim_path": "nlinkshim.preload",
    "verify": "nlinkshim.verifier",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)

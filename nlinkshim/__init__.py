"""Makes FUSE mounts that report a link count of 0 usable through Samba."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost verify's worker 7 ms
if TYPE_CHECKING:
    from nlinkshim.auditor import audit
    from nlinkshim.checkup.run import doctor
    from nlinkshim.errors import ExitCode, NlinkshimError, UsageError
    from nlinkshim.generator import generate
    from nlinkshim.installer import install
    from nlinkshim.processes.run import status
    from nlinkshim.shim.preload import preload_environment, shim_path
    from nlinkshim.verifier.run import verify

__all__ = [
    "ExitCode",
    "NlinkshimError",
    "UsageError",
    "__version__",
    "audit",
    "doctor",
    "generate",
    "install",
    "preload_environment",
    "shim_path",
    "status",
    "verify",
]

# Imported on first use: a command pays only for what it needs.
_HOMES = {
    "ExitCode": "nlinkshim.errors",
    "NlinkshimError": "nlinkshim.errors",
    "UsageError": "nlinkshim.errors",
    "audit": "nlinkshim.auditor",
    "doctor": "nlinkshim.checkup.run",
    "generate": "nlinkshim.generator",
    "install": "nlinkshim.installer",
    "preload_environment": "nlinkshim.shim.preload",
    "shim_path": "nlinkshim.shim.preload",
    "status": "nlinkshim.processes.run",
    "verify": "nlinkshim.verifier.run",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

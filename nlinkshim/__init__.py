"""Makes FUSE mounts that report a link count of 0 usable through Samba."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost verify's worker 7 ms
if TYPE_CHECKING:
    from nlinkshim.engines.audit.audit import audit
    from nlinkshim.engines.doctor.doctor import doctor
    from nlinkshim.engines.generate.generate import generate
    from nlinkshim.engines.install.install import install
    from nlinkshim.engines.status.status import status
    from nlinkshim.engines.verify.verify import verify
    from nlinkshim.errors import ExitCode, NlinkshimError, UsageError
    from nlinkshim.shim.preload import preload_environment, shim_path

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
    "audit": "nlinkshim.engines.audit.audit",
    "doctor": "nlinkshim.engines.doctor.doctor",
    "generate": "nlinkshim.engines.generate.generate",
    "install": "nlinkshim.engines.install.install",
    "preload_environment": "nlinkshim.shim.preload",
    "shim_path": "nlinkshim.shim.preload",
    "status": "nlinkshim.engines.status.status",
    "verify": "nlinkshim.engines.verify.verify",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Makes FUSE mounts that report a link count of 0 usable through Samba."""

from __future__ import annotations

from nlinkshim._version import __version__ as __version__

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost verify's worker 7 ms
if TYPE_CHECKING:
    from nlinkshim.engines.audit.audit import audit as audit
    from nlinkshim.engines.doctor.doctor import doctor as doctor
    from nlinkshim.engines.generate.generate import generate as generate
    from nlinkshim.engines.generate.settings import Settings as Settings
    from nlinkshim.engines.install.install import install as install
    from nlinkshim.engines.status.status import status as status
    from nlinkshim.engines.verify.options import Options as Options
    from nlinkshim.engines.verify.verify import verify as verify
    from nlinkshim.engines.watch.watch import watch as watch
    from nlinkshim.errors import ExitCode as ExitCode
    from nlinkshim.errors import NlinkshimError as NlinkshimError
    from nlinkshim.errors import UsageError as UsageError
    from nlinkshim.shim.preload import preload_environment as preload_environment
    from nlinkshim.shim.preload import shim_path as shim_path

# Imported on first use: a command pays only for what it needs.
_HOMES = {
    "ExitCode": "nlinkshim.errors",
    "NlinkshimError": "nlinkshim.errors",
    "Options": "nlinkshim.engines.verify.options",
    "Settings": "nlinkshim.engines.generate.settings",
    "UsageError": "nlinkshim.errors",
    "__version__": "nlinkshim._version",
    "audit": "nlinkshim.engines.audit.audit",
    "doctor": "nlinkshim.engines.doctor.doctor",
    "generate": "nlinkshim.engines.generate.generate",
    "install": "nlinkshim.engines.install.install",
    "preload_environment": "nlinkshim.shim.preload",
    "shim_path": "nlinkshim.shim.preload",
    "status": "nlinkshim.engines.status.status",
    "verify": "nlinkshim.engines.verify.verify",
    "watch": "nlinkshim.engines.watch.watch",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Makes FUSE mounts that report a link count of 0 usable through Samba.

The functions are what the commands do; `nlinkshim help api.md` has them with their types and examples.
"""

from __future__ import annotations

from nlinkshim._version import __version__ as __version__

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost verify's worker 7 ms
if TYPE_CHECKING:
    from nlinkshim.engines.audit import result as _audit
    from nlinkshim.engines.audit.audit import audit as audit
    from nlinkshim.engines.audit.loader import Libc as Libc
    from nlinkshim.engines.audit.result import ProgramAudit as ProgramAudit
    from nlinkshim.engines.audit.result import Severity as Severity
    from nlinkshim.engines.doctor.doctor import doctor as doctor
    from nlinkshim.engines.doctor.result import Finding as Finding
    from nlinkshim.engines.doctor.result import Level as Level
    from nlinkshim.engines.generate.generate import check_generated as check_generated
    from nlinkshim.engines.generate.generate import generate as generate
    from nlinkshim.engines.generate.settings import Settings as Settings
    from nlinkshim.engines.install.install import Installation as Installation
    from nlinkshim.engines.install.install import install as install
    from nlinkshim.engines.status.result import Process as Process
    from nlinkshim.engines.status.result import Survey as Survey
    from nlinkshim.engines.status.status import status as status
    from nlinkshim.engines.verify.notes import Note as Note
    from nlinkshim.engines.verify.options import Options as Options
    from nlinkshim.engines.verify.result import MountResult as MountResult
    from nlinkshim.engines.verify.result import Sample as Sample
    from nlinkshim.engines.verify.result import Verdict as Verdict
    from nlinkshim.engines.verify.supervise import Progress as Progress
    from nlinkshim.engines.verify.verify import verify as verify
    from nlinkshim.engines.watch.result import Event as Event
    from nlinkshim.engines.watch.result import Summary as Summary
    from nlinkshim.engines.watch.result import Tally as Tally
    from nlinkshim.engines.watch.watch import Watch as Watch
    from nlinkshim.engines.watch.watch import watch as watch
    from nlinkshim.errors import ExitCode as ExitCode
    from nlinkshim.errors import IncompleteError as IncompleteError
    from nlinkshim.errors import NlinkshimError as NlinkshimError
    from nlinkshim.errors import NotLoadedError as NotLoadedError
    from nlinkshim.errors import RefusedError as RefusedError
    from nlinkshim.errors import UsageError as UsageError
    from nlinkshim.shim.preload import preload_environment as preload_environment
    from nlinkshim.shim.preload import shim_path as shim_path

    AuditFinding = _audit.Finding
    AuditVerdict = _audit.Verdict

# Where each is, imported on first use: a command pays only for what it needs. What two engines call alike has
# its engine's name in front here.
_HOMES = {
    "AuditFinding": "engines.audit.result:Finding",
    "AuditVerdict": "engines.audit.result:Verdict",
    "Event": "engines.watch.result",
    "ExitCode": "errors",
    "Finding": "engines.doctor.result",
    "IncompleteError": "errors",
    "Installation": "engines.install.install",
    "Level": "engines.doctor.result",
    "Libc": "engines.audit.loader",
    "MountResult": "engines.verify.result",
    "NlinkshimError": "errors",
    "NotLoadedError": "errors",
    "Note": "engines.verify.notes",
    "Options": "engines.verify.options",
    "Process": "engines.status.result",
    "ProgramAudit": "engines.audit.result",
    "Progress": "engines.verify.supervise",
    "RefusedError": "errors",
    "Sample": "engines.verify.result",
    "Settings": "engines.generate.settings",
    "Severity": "engines.audit.result",
    "Summary": "engines.watch.result",
    "Survey": "engines.status.result",
    "Tally": "engines.watch.result",
    "UsageError": "errors",
    "Verdict": "engines.verify.result",
    "Watch": "engines.watch.watch",
    "__version__": "_version",
    "audit": "engines.audit.audit",
    "check_generated": "engines.generate.generate",
    "doctor": "engines.doctor.doctor",
    "generate": "engines.generate.generate",
    "install": "engines.install.install",
    "preload_environment": "shim.preload",
    "shim_path": "shim.preload",
    "status": "engines.status.status",
    "verify": "engines.verify.verify",
    "watch": "engines.watch.watch",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, _, there = _HOMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{home}"), there or name)


def __dir__() -> list[str]:
    return sorted(__all__)

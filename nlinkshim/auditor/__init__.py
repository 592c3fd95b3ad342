"""audit: whether a preload would reach a program's stat calls, read from ELF files without running any."""

from nlinkshim.auditor.findings import Finding, Severity, Verdict
from nlinkshim.auditor.run import ProgramAudit, audit

__all__ = ["Finding", "ProgramAudit", "Severity", "Verdict", "audit"]

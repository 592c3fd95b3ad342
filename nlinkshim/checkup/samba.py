"""Checks of smbd: its program, and the processes that run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nlinkshim.auditor import Verdict, audit
from nlinkshim.checkup.context import Context
from nlinkshim.checkup.finding import Answer, failed, passed, warned
from nlinkshim.errors import ExitCode, NlinkshimError
from nlinkshim.processes.run import status

FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/samba/sbin", "/opt/samba/sbin")
PRELOAD = (
    "nlinkshim env --format systemd (lines for: systemctl edit smbd), then systemctl restart smbd;"
    " in a container: nlinkshim run -- smbd ..."
)


def smbd_program() -> Path | None:
    found = shutil.which("smbd", path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))
    return Path(found) if found else None


def smbd(context: Context) -> Iterator[Answer]:
    """Found, and by the audit reachable for a preload."""
    program = smbd_program()
    if program is None:
        yield warned(
            "smbd", "there is none here; right if it runs in another container", "apt-get install samba"
        )
        return
    try:
        result = audit(program)
    except NlinkshimError as error:
        yield warned(str(program), f"it could not be audited: {error}", f"nlinkshim audit {program}")
        return
    if result.verdict is Verdict.REACHABLE:
        yield passed(
            str(program), f"a preload reaches its stat calls ({len(result.objects)} objects audited)"
        )
        return
    say, extent = _UNREACHED[result.verdict]
    reasons = "; ".join(f"{finding.object}: {finding.reason}" for finding in result.grave)
    remedy = next((finding.remedy for finding in result.grave if finding.remedy), None)
    yield say(str(program), f"a preload reaches {extent} of its stat calls: {reasons}", remedy)


_UNREACHED = {Verdict.PARTLY: (warned, "a part"), Verdict.UNREACHABLE: (failed, "none")}


def smbd_running(context: Context) -> Iterator[Answer]:
    """Never a failure: which of them serves the path is not known."""
    survey = status(name="smbd")
    live = survey.processes
    if survey.exit_code == ExitCode.WELL:
        total = sum(process.corrected or 0 for process in live)
        yield passed(
            "smbd processes", f"{len(live)} run under the shim; {total:,} link counts corrected so far"
        )
        return
    bare = [process for process in live if process.mapped is not None and not process.effective]
    if bare:
        numbers = ", ".join(str(process.pid) for process in bare[:8])
        yield warned("smbd processes", f"without an effective shim: {numbers} ({bare[0].problem})", PRELOAD)
    elif live:
        yield warned(
            "smbd processes", f"{live[0].pid}: {live[0].problem}", "nlinkshim status --name smbd, as root"
        )
    else:
        yield passed("smbd processes", "none runs here")

"""Checks of smbd: its program, and the processes that run."""

from __future__ import annotations

import os
from collections.abc import Iterator

from nlinkshim.engines.audit.audit import audit
from nlinkshim.engines.audit.result import Verdict
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer, failed, passed, warned
from nlinkshim.engines.status.result import Process
from nlinkshim.engines.status.status import status
from nlinkshim.engines.verify.result import MountResult
from nlinkshim.engines.verify.result import Verdict as Proved
from nlinkshim.errors import ExitCode, NlinkshimError
from nlinkshim.mounts.look import look_at
from nlinkshim.mounts.remedy import Remedy, quote
from nlinkshim.mounts.table import Mount, mount_of, read_mounts
from nlinkshim.smbd import program as smbd_program

MOST_MOUNTS = 8  # looked at without a path
PRELOAD = (
    "`nlinkshim env --format systemd` (lines for `systemctl edit smbd`), then `systemctl restart smbd`;"
    " in a container: `nlinkshim run -- smbd ...`"
)


def smbd(context: Context) -> Iterator[Answer]:
    """Found, and by the audit reachable for a preload."""
    program = smbd_program()
    if program is None:
        yield warned(
            "smbd",
            "there is none here; right if it runs in another container",
            Remedy("install it (on Debian)", "apt-get install samba"),
        )
        return
    try:
        result = audit(program)
    except NlinkshimError as error:
        yield warned(
            str(program),
            f"it could not be audited: {error}",
            Remedy("see what it is", f"nlinkshim audit {quote(str(program))}"),
        )
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
    """Processes without the shim are a failure where they can see a mount that lies: the path's, or, without
    a path, any FUSE mount here that smbd could serve."""
    survey = status(name="smbd")
    live = survey.processes
    if survey.exit_code == ExitCode.WELL:
        corrected = f"{survey.corrected:,} link counts corrected so far"
        yield passed("smbd processes", f"{len(live)} run under the shim; {corrected}")
        return
    bare = [process for process in live if process.mapped is not None and not process.effective]
    if bare:
        yield _of_bare(bare, context)
    elif live:
        yield warned("smbd processes", f"{live[0].pid}: {live[0].problem}", _look_closer())
    else:
        yield passed("smbd processes", "none runs here")


def _look_closer() -> Remedy | str:
    if os.geteuid() == 0:
        return "give this container the capability SYS_PTRACE and the host's processes, or look on the host"
    return Remedy("look as root", "sudo nlinkshim status --name smbd")


def _of_bare(bare: list[Process], context: Context) -> Answer:
    numbers = ", ".join(str(process.pid) for process in bare[:8])
    said = f"without an effective shim: {numbers} ({bare[0].problem})"
    honest = []
    for path, mount, proof in _served(context):
        if isinstance(proof, NlinkshimError) or not _sees(bare, mount):
            continue
        if proof.lies:
            return failed(
                "smbd processes", f"{said}, and {path} lies: its clients find nothing there", PRELOAD
            )
        if mount.is_fuse and proof.verdict is Proved.NOT_NEEDED:
            honest.append(path)
    if honest:
        return passed("smbd processes", f"{said}; none is needed for {', '.join(honest)}: no lie was seen")
    return warned("smbd processes", said, PRELOAD)


def _served(context: Context) -> Iterator[tuple[str, Mount, MountResult | NlinkshimError]]:
    """What smbd may serve, each with a short verify: the path, or the first FUSE mounts here that are open to
    other users, not hidden, and answer."""
    if context.path is not None:
        if context.mount is not None and context.own_proof is not None:
            yield context.path, context.mount, context.own_proof
        return
    open_to_all = [m for m in context.mounts if m.is_fuse and m.allow_other]
    for mount in [m for m in open_to_all if mount_of(m.path, context.mounts) == m][:MOST_MOUNTS]:
        if look_at(mount.path, context.timeout).alive:
            yield mount.path, mount, context.proof(mount.path)


def _sees(processes: list[Process], mount: Mount) -> bool:
    """Whether one of them has the mount's file system in its own mount namespace, or might."""
    for process in processes:
        try:
            if any(other.device == mount.device for other in read_mounts(process.pid)):
                return True
        except OSError:
            return True
    return False

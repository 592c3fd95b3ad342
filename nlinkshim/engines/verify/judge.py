"""What the counts of a walk mean. Pure but for the mounts that a remedy's command is checked against."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from nlinkshim.engines.verify.result import MountResult, Sample, Verdict

if TYPE_CHECKING:
    from nlinkshim.engines.verify.notes import Note
    from nlinkshim.mounts.illness import Illness
    from nlinkshim.mounts.table import Mount


class Walk(NamedTuple):
    """What a walk counted (entries, unless said otherwise), and how it ended."""

    entries: int = 0
    judged: int = 0
    lies: int = 0
    corrected: int = 0  # of the lies, right in every answer
    left: int = 0  # of the lies, still 0
    wrong: int = 0  # changed as they must not be
    moved: int = 0  # judged, while other fields changed by themselves
    unsettled: int = 0  # count or type never stood still
    vanished: int = 0  # not there when it was their turn
    ghosts: int = 0  # of these, still listed and still not there
    endless: int = 0  # folders whose listing goes round: read once, and left
    errors: int = 0  # could not be read
    unread: Mapping[str, int] = MappingProxyType({})  # the same by the name of the errno
    transient: int = 0  # calls that failed, and worked when they were repeated
    closely: int = 0  # by all entry points, and with the daemon asked afresh
    stale_error: int = 0  # errno of statx, without which nothing can be asked afresh; 0: it answers
    first_error: int = 0  # errno
    first_error_path: str = ""
    first_ghost_path: str = ""
    first_endless_path: str = ""
    root_error: int = 0  # errno
    root_is_file: int = 0  # 1: there is nothing to walk
    root_mount_id: int = 0  # 0: not known
    root_path_is_literal: int = 0  # 1: no symbolic link was followed, as far as it could be
    root_real_path: str = ""  # "": not known
    dead_error: int = 0  # errno
    limited: int = 0  # 1: it ended at max_entries, and there was more
    mounts_below: int = 0  # other file systems, not entered
    mounts_below_paths: tuple[str, ...] = ()  # from the root; a part of them if they are very many
    hung_at: str | None = None
    interrupted: bool = False
    crashed: str | None = None  # the signal that ended the worker
    shim_scope: str = "fuse"
    samples: tuple[Sample, ...] = ()
    notes: tuple[Note, ...] = ()


class Judgement(NamedTuple):
    """`cause` and `remedy` are sentences, `command` a line for `sh` that does what the remedy says.
    `partial`: the verdict stands, but not everything could be judged."""

    verdict: Verdict
    cause: str | None = None
    remedy: str | None = None
    command: str | None = None
    partial: bool = False


class Facts(NamedTuple):
    """Whose walk it was. `mount` is the mount that the path leads to, of the list `mounts`; None if it is not
    in the list: it is of another mount namespace, is gone, or is the root of a chroot and no mount point."""

    path: str
    mount: Mount | None
    mounts: Sequence[Mount] = ()
    user: int = 0
    timeout: float = 30.0
    plain: bool = False  # a plain folder is meant
    excluding: bool = False  # names were left out by wish

    @property
    def fstype(self) -> str:
        return self.mount.fstype if self.mount else "unknown"


def plural(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"


def _ill(verdict: Verdict, found: Illness) -> Judgement:
    return Judgement(verdict, found.cause, found.remedy.text, found.remedy.command)


def _scope_paths(scope: str) -> list[str]:
    return [path.rstrip("/") or "/" for path in scope.split(":")]


def _ineffective(walk: Walk, mount: Mount) -> Judgement:
    scope, point = walk.shim_scope, mount.path
    if scope == "off":
        cause, remedy = (
            "NLINKSHIM_SCOPE=off: the shim is loaded and inert",
            "unset NLINKSHIM_SCOPE, or set it to fuse",
        )
    elif scope == "fuse" and not mount.is_fuse:
        cause = f"the mount is of type {mount.fstype}, and the scope is fuse"
        remedy = f"set NLINKSHIM_SCOPE={point}"
    elif scope != "fuse" and point not in _scope_paths(scope):
        cause, remedy = f"NLINKSHIM_SCOPE={scope} does not name this mount", f"add {point} to NLINKSHIM_SCOPE"
    else:
        cause = f"{plural(walk.left, 'entry')} still show 0 under the shim"
        remedy = "see the samples; report it as a bug of nlinkshim with `nlinkshim verify --format json`"
    return Judgement(Verdict.INEFFECTIVE, cause, remedy)


def _in_scope(walk: Walk, mount: Mount) -> bool:
    if walk.shim_scope in ("fuse", "off"):
        return mount.is_fuse
    return mount.path in _scope_paths(walk.shim_scope)


def _real_path(walk: Walk, facts: Facts) -> str:
    return walk.root_real_path or os.path.abspath(facts.path)


def _not_listed(walk: Walk, facts: Facts) -> Judgement | None:
    """Of a mount that is out of the shim's reach, which judges by the list too. Lies that were all corrected
    show that it is not. A plain folder may be meant, but not one that lies."""
    if facts.mount or (not walk.left and (walk.lies or facts.plain)):
        return None
    here = _real_path(walk, facts)
    return Judgement(
        Verdict.INCOMPLETE,
        f"/proc/self/mountinfo lists no mount for {here}: what is mounted there is not known",
        "verify it in the mount namespace where smbd runs (nsenter --mount), by its path there; in a chroot,"
        " make its root a mount point first (mount --bind); if this folder itself is meant: --plain",
    )


def _proves_nothing(walk: Walk, facts: Facts) -> Judgement | None:
    """Of a path whose true counts tell nothing of a FUSE mount; None if they do."""
    mount = facts.mount
    if mount is None or _in_scope(walk, mount) or (facts.plain and mount.is_plain):
        return None
    from nlinkshim.mounts import illness

    here = _real_path(walk, facts)
    if mount.is_plain:
        absent = illness.of_folder(here, mount)
        cause, remedy, command = absent.cause, absent.remedy.text, absent.remedy.command
    else:
        cause, remedy, command = "", "verify the FUSE mount itself, where its server runs", None
    if suspects := _suspects_below(walk, facts):
        remedy, command = _verify_below(suspects)
    if mount.is_plain:
        remedy += "; if this folder itself is meant: --plain"
    if mount.is_plain and here != mount.path:
        return Judgement(Verdict.OTHER_CAUSE, cause, remedy, command)
    cause = f"it is of type {mount.fstype}, outside the scope of the shim: counts here prove nothing"
    return Judgement(Verdict.INCOMPLETE, cause, remedy, command)


def result_of(walk: Walk, facts: Facts, judgement: Judgement, seconds: float) -> MountResult:
    counted = {name: getattr(walk, name) for name in MountResult._fields if name in Walk._fields}
    known = {
        "fresh": not walk.stale_error,
        "limited": bool(walk.limited),
        "mounts_below_paths": below(walk, facts.path),
        "notes": walk.notes if facts.mount and facts.mount.is_fuse else (),
    }
    return MountResult(
        **{**counted, **known},
        path=facts.path,
        fstype=facts.fstype,
        mount_point=facts.mount.path if facts.mount else None,
        scope=walk.shim_scope,
        seconds=seconds,
        **judgement._asdict(),
    )


def below(walk: Walk, path: str) -> tuple[str, ...]:
    """The mounts below, by the path as it was given."""
    return tuple(os.path.join(path, name) for name in walk.mounts_below_paths)  # noqa: PTH118  keeps a './'


def _suspects_below(walk: Walk, facts: Facts) -> tuple[str, ...]:
    """Of the mounts below, those that may lie or lead to one that does: not the disks and the memory of this
    host itself, unless a FUSE mount is below them."""
    fuse = [mount.path for mount in facts.mounts if mount.is_fuse]
    plain = {
        mount.path
        for mount in facts.mounts
        if mount.is_plain and not any(path.startswith(mount.path + "/") for path in fuse)
    }
    real = below(walk, _real_path(walk, facts))
    return tuple(path for path, at in zip(below(walk, facts.path), real, strict=True) if at not in plain)


def _verify_below(paths: Sequence[str]) -> tuple[str, str]:
    from nlinkshim.mounts.remedy import quote

    named = " ".join(quote(path) for path in paths[:8])
    return "verify the file systems mounted below it too", f"nlinkshim verify -- {named}"


def _unread(walk: Walk, facts: Facts) -> Judgement | None:
    """Of what could not be read or judged; None if all could."""
    from nlinkshim.mounts import illness

    parts = []
    if walk.errors:
        kinds = ", ".join(f"{name} {count:,}" for name, count in walk.unread.items())
        what = plural(walk.errors, "entry")
        parts.append(f"{what} could not be read ({kinds}), first {walk.first_error_path}")
    if walk.unsettled:
        parts.append(f"{plural(walk.unsettled, 'entry')} changed count or type at each look")
    if walk.vanished > walk.judged:
        still = f", {walk.ghosts:,} of them are still listed" if walk.ghosts else ""
        first = f", first {walk.first_ghost_path}" if walk.first_ghost_path else ""
        parts.append(f"{plural(walk.vanished, 'entry')} had vanished when it was their turn{still}{first}")
    if walk.endless:
        what = plural(walk.endless, "listing")
        verb = "goes" if walk.endless == 1 else "go"
        parts.append(f"{what} {verb} round without end, first of {walk.first_endless_path}")
    if not parts and walk.judged:
        return None
    if walk.endless:
        remedy = (
            "mend readdir in the FUSE server: the offset it gives with a name is where the next one begins,"
            " and behind the last name nothing is listed"
        )
    else:
        most = max(walk.unread, key=lambda name: walk.unread[name], default="")
        remedy = illness.advice(getattr(errno, most, walk.first_error), facts.mount, facts.user)
    return Judgement(Verdict.INCOMPLETE, "; ".join(parts) or "no entry could be judged", remedy)


def _wrong(walk: Walk, facts: Facts) -> Judgement | None:
    if walk.wrong:
        return Judgement(
            Verdict.CORRUPTING,
            f"{plural(walk.wrong, 'entry')} changed in more than a count of 0, or to a wrong count",
            "do not use this shim here; report it as a bug with `nlinkshim verify --format json`",
        )
    return _ineffective(walk, facts.mount) if walk.left and facts.mount else None


def _ended(walk: Walk, facts: Facts) -> Judgement | None:
    """Of a walk that could not come to its end."""
    from nlinkshim.mounts import illness

    if walk.hung_at is not None:
        found = illness.of_silence(facts.timeout, f"at {walk.hung_at}", facts.mount, facts.mounts)
        return _ill(Verdict.INCOMPLETE, found)
    if error := walk.root_error or walk.dead_error:
        return _ill(Verdict.OTHER_CAUSE, illness.of_error(error, facts.mount, facts.mounts, facts.user))
    if walk.crashed:
        cause = f"the walking process ended by {walk.crashed}"
        return Judgement(Verdict.INCOMPLETE, cause, "report it as a bug of nlinkshim")
    return Judgement(Verdict.INCOMPLETE, "interrupted") if walk.interrupted else None


def _needed(walk: Walk, facts: Facts) -> Judgement | None:
    """Lies that were all corrected prove the need, whatever else could not be read."""
    if not walk.lies:
        return None
    unread = _unread(walk, facts)
    if unread is None:
        return Judgement(Verdict.NEEDED)
    return Judgement(Verdict.NEEDED, unread.cause, unread.remedy, partial=True)


def _not_needed(walk: Walk, facts: Facts) -> Judgement:
    extent = f"the first {plural(walk.entries, 'entry')}" if walk.limited else plural(walk.judged, "entry")
    cause = f"none of {extent} reports a link count of 0"
    mount = facts.mount
    counts = mount is not None and _in_scope(walk, mount)
    before = f"before the shim is {'retired for this mount' if counts else 'left out for this folder'}"
    if walk.limited:
        return Judgement(Verdict.NOT_NEEDED, cause, f"{before}, verify all of it")
    if walk.ghosts:
        return Judgement(Verdict.NOT_NEEDED, cause, f"{before}, see why it lists what is not there")
    if walk.mounts_below:
        suspects = _suspects_below(walk, facts) or below(walk, facts.path)
        return Judgement(Verdict.NOT_NEEDED, cause, *_verify_below(suspects))
    if mount is None or not counts:
        return Judgement(Verdict.NOT_NEEDED, cause, "the shim is not needed for this folder")
    if facts.excluding or _real_path(walk, facts) != mount.path:
        remedy = f"{before}, verify all of it: nothing excluded, from {mount.path} on"
        return Judgement(Verdict.NOT_NEEDED, cause, remedy)
    return Judgement(Verdict.NOT_NEEDED, cause, "the shim can be retired for this mount")


# What was seen to be wrong outweighs how the walk ended; no lies prove nothing unless everything was judged.
_IN_TURN: tuple[Callable[[Walk, Facts], Judgement | None], ...] = (
    _wrong,
    _ended,
    _not_listed,
    _needed,
    _proves_nothing,
    _unread,
)


def judge(walk: Walk, facts: Facts) -> Judgement:
    found = next(filter(None, (rule(walk, facts) for rule in _IN_TURN)), None)
    return found or _not_needed(walk, facts)

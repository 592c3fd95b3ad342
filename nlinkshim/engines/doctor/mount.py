"""Checks of the path: is there a mount, does it answer, who may see it, does it lie?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer, failed, passed, warned
from nlinkshim.errors import NlinkshimError
from nlinkshim.mounts import illness
from nlinkshim.mounts.look import Look, look_at
from nlinkshim.mounts.remedy import START, Remedy, open_to_others, quote
from nlinkshim.mounts.table import Mount, mount_of

REMARKABLE = ("ro", "noexec", "nosuid", "nodev")


def fuse_mounts(context: Context) -> Iterator[Answer]:
    """Without a path: which paths there are to look at."""
    if context.path is not None:
        return
    paths = [mount.path for mount in context.mounts if mount.is_fuse]
    if paths:
        shown = ", ".join(paths[:8]) + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")
        yield passed("FUSE mounts", f"{shown}; look closer with nlinkshim doctor PATH")
    else:
        yield warned("FUSE mounts", "there is none here", f"{START}, then nlinkshim doctor PATH")


def path_mount(context: Context) -> Iterator[Answer]:
    mount = context.mount
    if context.path is None:
        return
    if mount is None:
        if context.mounts:  # else the check of /proc says it
            yield warned(
                context.path,
                "the kernel's list of mounts has none for it: what is mounted there is not known",
                "in a chroot, make its root a mount point (mount --bind) first, or look from outside",
            )
        return
    below = [
        m.path for m in context.mounts if m.is_fuse and m.path.startswith(context.real_path.rstrip("/") + "/")
    ]
    at = context.real_path == mount.path
    if mount.is_removed:
        yield _ill(context.path, illness.of_removed(mount))
    elif mount.is_fuse:
        flags = [flag for flag in REMARKABLE if flag in mount.options]
        note = f", {','.join(flags)} (no hindrance to serving)" if flags else ""
        yield passed(context.path, f"it is on the {mount.fstype} mount at {mount.path}{note}")
    elif below:
        yield passed(
            context.path,
            f"a folder of {mount.path} ({mount.fstype}) that holds FUSE mounts: {', '.join(below)}",
        )
    elif not mount.is_plain:
        yield warned(
            context.path,
            f"it is on the {mount.fstype} mount at {mount.path}, not on FUSE: what is seen here proves"
            " nothing of the mount behind it",
            "ask where the FUSE server runs: nlinkshim doctor PATH there",
        )
    elif hidden := _hidden(context.real_path, mount, context.mounts):
        yield failed(
            context.path,
            f"the {hidden.fstype} mount at {hidden.path} is hidden: {mount.path} was mounted over"
            f" ({mount.fstype})",
            f"see who mounted {mount.path} the second time; umount it once nobody uses it",
        )
    elif at:
        yield failed(
            context.path,
            f"no FUSE file system is mounted there: it is a {mount.fstype} file system",
            f"{START}, or give the path of its mount",
        )
    else:
        yield _ill(context.path, illness.of_folder(context.real_path, mount))


def _hidden(path: str, visible: Mount, mounts: Sequence[Mount]) -> Mount | None:
    """The FUSE mount that `path` would be on, had not `visible` been mounted over it or a folder above."""

    def holds(folder: str, inner: str) -> bool:
        return f"{inner}/".startswith(f"{folder.rstrip('/')}/")

    return next(
        (m for m in mounts if m.is_fuse and holds(m.path, path) and holds(visible.path, m.path)), None
    )


def mount_alive(context: Context) -> Iterator[Answer]:
    if context.path is None:
        return
    look, mount = context.look, context.mount
    error = look.ailment
    if look.hung:
        where = f"({look.hung})"
        yield _ill(context.path, illness.of_silence(context.timeout, where, mount, context.mounts))
    elif error in illness.REFUSED:
        return  # mount-access says so
    elif error:
        yield _ill(context.path, illness.of_error(error, mount, context.mounts, context.looker))
    else:
        slowest = max(step.seconds for step in look.steps.values())
        count = look.steps["list"].value
        if count == 0 and _is_fuse(mount):
            yield warned(context.path, "it answers, and is empty", illness.see_log(mount))
        elif error := look.error("statfs"):
            yield warned(
                context.path,
                f"it lists, but answers statfs with {os.strerror(error)}: df fails, and so does each SMB"
                " client that asks for the free space, as smbclient does behind every ls",
                "mend statfs in the FUSE server" if _is_fuse(mount) else illness.see_log(mount),
            )
        else:
            yield passed(context.path, f"it answers (slowest call {slowest * 1000:.0f} ms)")


def _ill(path: str, found: illness.Illness) -> Answer:
    return failed(path, found.cause, found.remedy)


def _is_fuse(mount: Mount | None) -> bool:
    return mount is not None and mount.is_fuse


def mount_access(context: Context) -> Iterator[Answer]:
    """Who may enter. The kernel keeps everyone but its owner out of a FUSE mount without allow_other, root
    too."""
    mount = context.mount
    if context.path is None or mount is None or context.look.hung:
        return
    look = context.look if context.user is None else look_at(context.path, context.timeout, context.user)
    barred = _barred(look, context.real_path)
    if barred == context.point and not context.is_mounted:
        return  # closed while nothing is mounted, as it should be
    at = None if barred is None else mount_of(barred, context.mounts)
    if barred is not None and (at is None or not at.is_fuse):
        yield failed(
            context.path,
            f"uid {context.looker} may not enter it: the permissions of {barred} forbid it",
            _let_in(barred, context),
        )
    elif not mount.is_fuse or (barred is None and not look.alive):
        return  # where it does not answer, mount-alive says so
    elif mount.allow_other:
        if barred is None:
            checked = "; the modes of files apply" if "default_permissions" in mount.super_options else ""
            yield passed(context.path, f"every user may enter (allow_other){checked}")
        elif context.looker == 0:
            yield failed(
                context.path,
                "root may not enter it, allow_other or not: it was mounted in another user namespace (of a"
                " rootless container), and lets nobody in from outside; or its server refuses",
                "look from inside that container, and run smbd there; or let root mount it",
            )
        else:
            yield failed(
                context.path,
                f"uid {context.looker} may not enter it: the permissions of {barred}, which the FUSE server"
                " reports, forbid it",
                "start the FUSE server again with options that let others in (umask=022, or uid= and gid=,"
                " or without default_permissions)",
            )
    elif barred is not None:
        yield _ill(context.path, illness.closed(mount, context.looker))
    elif look.error("list") == 0:
        yield warned(
            context.path,
            f"the mount lacks allow_other: uid {mount.owner or 0} may enter, and nobody else; smbd looks as"
            " the user it serves",
            open_to_others(mount),
        )


def _barred(look: Look, path: str) -> str | None:
    """The folder that refused, if one did."""
    if look.error("list") not in illness.REFUSED:
        return None
    return str(look.steps["barred"].value) if "barred" in look.steps else path


def _let_in(folder: str, context: Context) -> Remedy:
    # To list the folder itself is to read it; those above need only be passed.
    mode = "o+rx" if folder == context.real_path else "o+x"
    return Remedy(f"let uid {context.looker} into {folder}", f"chmod {mode} {quote(folder)}")


def link_counts(context: Context) -> Iterator[Answer]:
    """Lying or honest, and does the shim correct it here: a short verify."""
    result = context.own_proof
    if context.path is None or result is None:
        return
    if isinstance(result, NlinkshimError):
        yield warned(context.path, f"link counts could not be compared: {result}", None)
        return
    from nlinkshim.engines.verify.result import Verdict

    seen = f"{result.entries:,} entries looked at"
    if result.verdict is Verdict.NEEDED:
        lies = f"it lies: {result.lies:,} of {seen} report a link count of 0; the shim corrects every one"
        if result.partial:
            yield warned(context.path, f"{lies}, but {result.cause}", result.remedy)
        else:
            yield passed(context.path, lies)
    elif result.verdict is Verdict.NOT_NEEDED and _is_fuse(context.mount):
        yield passed(context.path, f"it tells the truth: none of {seen} reports a link count of 0")
    elif result.verdict is Verdict.NOT_NEEDED:
        yield warned(
            context.path,
            f"none of {seen} reports a link count of 0, which proves nothing on a file system that is not"
            " FUSE",
            "verify the FUSE mount itself: nlinkshim verify PATH, where its server runs",
        )
    else:
        say = warned if result.verdict is Verdict.INCOMPLETE else failed
        yield say(context.path, f"{result.verdict.value}: {result.cause}", result.remedy)

"""Checks of the path: is there a mount, does it answer, who may see it, does it lie?"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator

from nlinkshim.checkup.context import Context, Look, look_at
from nlinkshim.checkup.finding import Answer, failed, passed, warned
from nlinkshim.errors import NlinkshimError
from nlinkshim.mounts import Mount

VERIFIED = 1000  # entries looked at for link counts
REMARKABLE = ("ro", "noexec", "nosuid", "nodev")
_START_AGAIN = "then start the FUSE server again"
_GONE = (errno.ENOTCONN, errno.ECONNABORTED)


def fuse_mounts(context: Context) -> Iterator[Answer]:
    """Without a path: which paths there are to look at."""
    if context.path is not None:
        return
    paths = [mount.path for mount in context.mounts if mount.is_fuse]
    if paths:
        shown = ", ".join(paths[:8]) + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")
        yield passed("FUSE mounts", f"{shown}; look closer with nlinkshim doctor PATH")
    else:
        yield warned("FUSE mounts", "there is none here", "start the FUSE server, then nlinkshim doctor PATH")


def path_mount(context: Context) -> Iterator[Answer]:
    mount = context.mount
    if context.path is None or mount is None:
        return
    below = [
        m.path for m in context.mounts if m.is_fuse and m.path.startswith(context.real_path.rstrip("/") + "/")
    ]
    if mount.is_fuse:
        flags = [flag for flag in REMARKABLE if flag in mount.options]
        note = f", {','.join(flags)} (no hindrance to serving)" if flags else ""
        yield passed(context.path, f"it is on the {mount.fstype} mount at {mount.path}{note}")
    elif below:
        yield passed(
            context.path,
            f"a folder of {mount.path} ({mount.fstype}) that holds FUSE mounts: {', '.join(below)}",
        )
    else:
        yield warned(
            context.path,
            f"no FUSE mount is here: it is a folder of {mount.path} ({mount.fstype})",
            "start the FUSE server, or give the path of its mount",
        )


def mount_alive(context: Context) -> Iterator[Answer]:
    if context.path is None:
        return
    look, mount = context.look, context.mount
    error = look.error("statfs") or look.error("list")
    if look.hung:
        yield failed(
            context.path,
            f"no answer for {context.timeout:g} s ({look.hung}):"
            f" the {'FUSE daemon' if _is_fuse(mount) else 'file system'} hangs",
            _unhang(mount),
        )
    elif error in _GONE:
        yield failed(
            context.path,
            f"the FUSE daemon is gone ({os.strerror(error)})",
            f"umount -l {shlex.quote(mount.path if mount else context.path)}; {_START_AGAIN}",
        )
    elif error in (errno.EACCES, errno.EPERM):
        return  # mount-access says so
    elif error:
        yield failed(context.path, f"it answers {os.strerror(error)}", "see the log of the FUSE server")
    else:
        slowest = max(step.seconds for step in look.steps.values())
        count = look.steps["list"].value
        if count == 0 and _is_fuse(mount):
            yield warned(context.path, "it answers, and is empty", "see the log of the FUSE server")
        else:
            yield passed(context.path, f"it answers (slowest call {slowest * 1000:.0f} ms)")


def _is_fuse(mount: Mount | None) -> bool:
    return mount is not None and mount.is_fuse


def _unhang(mount: Mount | None) -> str | None:
    if mount is None or not mount.is_fuse:
        return "see the kernel's log"
    return f"{mount.abort_command()}; umount -l {shlex.quote(mount.path)}; {_START_AGAIN}"


def mount_access(context: Context) -> Iterator[Answer]:
    """Who may enter. The kernel keeps everyone but its owner out of a FUSE mount without allow_other, root
    too."""
    mount = context.mount
    if context.path is None or mount is None or context.look.hung:
        return
    look = context.look if context.user is None else look_at(context.path, context.timeout, context.user)
    refused = _refused(look)
    if not mount.is_fuse or mount.allow_other:
        if refused:
            yield failed(
                context.path,
                f"uid {context.looker} may not enter it: the permissions of it or of a folder above forbid"
                " it",
                f"namei -l {shlex.quote(context.path)}; then chmod o+rx what bars the way",
            )
        elif mount.is_fuse:
            checked = "; the modes of files apply" if "default_permissions" in mount.super_options else ""
            yield passed(context.path, f"every user may enter (allow_other){checked}")
        return
    owner = mount.owner or 0
    remedy = "start the FUSE server again with the mount option allow_other"
    if owner != 0:
        remedy += ", and as this user: echo user_allow_other >> /etc/fuse.conf first"
    if refused:
        yield failed(
            context.path,
            f"the mount lacks allow_other: only uid {owner} may enter, and uid {context.looker} was refused",
            remedy,
        )
    elif look.error("list") == 0:
        yield warned(
            context.path,
            f"the mount lacks allow_other: uid {owner} may enter, and nobody else; smbd looks as the user"
            " it serves",
            remedy,
        )


def _refused(look: Look) -> bool:
    return any(step.error in (errno.EACCES, errno.EPERM) for step in look.steps.values())


def link_counts(context: Context) -> Iterator[Answer]:
    """Lying or honest, and does the shim correct it here: a short verify."""
    if context.path is None or not context.look.alive:
        return
    from nlinkshim.verifier.run import Options, verify
    from nlinkshim.verifier.verdict import Verdict

    options = Options(max_entries=VERIFIED, jobs=8, timeout=context.timeout)
    try:
        (result,) = verify([context.real_path], options)
    except NlinkshimError as error:
        yield warned(context.path, f"link counts could not be compared: {error}", None)
        return
    seen = f"{result.entries:,} entries looked at"
    if result.verdict is Verdict.NEEDED:
        yield passed(
            context.path,
            f"it lies: {result.lies:,} of {seen} report a link count of 0; the shim corrects every one",
        )
    elif result.verdict is Verdict.NOT_NEEDED:
        if _is_fuse(context.mount):
            yield passed(context.path, f"it tells the truth: none of {seen} reports a link count of 0")
    else:
        say = warned if result.verdict is Verdict.INCOMPLETE and not result.wrong else failed
        yield say(context.path, f"{result.verdict.value}: {result.cause}", result.remedy)

"""Checks of what confines smbd beside the permissions of files: AppArmor and SELinux."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nlinkshim.engines.doctor.apparmor import Profile, find_profile
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.loading import STABLE_PLACE
from nlinkshim.engines.doctor.result import Answer, failed, passed, warned
from nlinkshim.engines.status.status import status
from nlinkshim.mounts.remedy import Remedy, quote

PROC = Path("/proc")
APPARMOR = Path("/etc/apparmor.d")
APPARMOR_LOADED = Path("/sys/kernel/security/apparmor/profiles")
SELINUX = Path("/sys/fs/selinux")
_PROGRAMS = ("/usr/sbin/smbd", "/usr/bin/smbd")
_ATTRIBUTES = ("attr/apparmor/current", "attr/current")
# What the shim reads, as a process asks for it, and the rule that grants it.
_READ = {
    "/proc/1234/mountinfo": "@{PROC}/@{pid}/mountinfo r,",
    "/proc/1234/task/1234/mountinfo": "@{PROC}/@{pid}/task/@{tid}/mountinfo r,",
}


def apparmor(context: Context) -> Iterator[Answer]:
    """Debian's profile for smbd (package apparmor-profiles) lets it read `mounts` but not `mountinfo`, and
    maps no library below /usr/local/lib."""
    found = _profile_in_force()
    if found is None:
        return
    name, mode = found
    subject = f"AppArmor's profile {name}"
    file = find_profile(APPARMOR, name, _PROGRAMS)
    if file is None:
        yield warned(
            subject,
            f"it is in force ({mode}), but {APPARMOR} has no text of it: whether it lets the shim be loaded"
            " and read mountinfo is not known",
            "look for its refusals: journalctl -k --grep apparmor=.DENIED",
        )
        return
    profile = Profile(file, APPARMOR)
    lines = [rule for path, rule in _READ.items() if not profile.allows(path, "r")]
    live = status(name="smbd").processes
    shims = sorted({process.shim_path for process in live if process.shim_path} or {STABLE_PLACE})
    lines += [f"{shim} mr," for shim in shims if not profile.allows(shim, "m")]
    if not lines:
        yield passed(subject, f"it lets the shim be loaded and read the mounts ({mode})")
        return
    say, effect = (failed, "is kept") if mode == "enforce" else (warned, f"would be kept ({mode})")
    local = APPARMOR / "local" / file.name
    words = " ".join(map(quote, lines))
    yield say(
        subject,
        f"smbd {effect} from what the shim needs; it lacks {' '.join(lines)}",
        Remedy(
            "add the rules to its local part, and load it again",
            f"printf '  %s\\n' {words} >> {quote(str(local))} && apparmor_parser -r {quote(str(file))}",
        ),
    )


def _profile_in_force() -> tuple[str, str] | None:
    """Name and mode of a profile for smbd: that of a process, else that which the kernel has for the next.
    Not a container's own profile, which lets all be read that this is about."""
    live = [file.parent for file in PROC.glob("[0-9]*/comm") if _text(file).startswith("smbd")]
    files = [folder / name for folder in live for name in _ATTRIBUTES]
    for line in [line for file in (*files, APPARMOR_LOADED) for line in _text(file).splitlines()]:
        confined = re.fullmatch(r"(\S.*) \((\w+)\)", line)
        if confined and "smbd" in confined[1].split("//")[0]:
            return confined[1], confined[2]
    return None


def selinux(context: Context) -> Iterator[Answer]:
    """The policy lets smbd use FUSE mounts only where a boolean says so."""
    current = _text(SELINUX / "booleans/samba_share_fusefs").split()
    if not current:
        return
    subject = "SELinux's samba_share_fusefs"
    if current[0] == "1":
        yield passed(subject, "it is on: smbd may use FUSE mounts")
        return
    remedy = Remedy("let it", "setsebool -P samba_share_fusefs on")
    if _text(SELINUX / "enforce").strip() == "1":
        yield failed(subject, "it is off, and SELinux enforces: smbd may not use FUSE mounts", remedy)
    else:
        yield warned(subject, "it is off: where SELinux enforces, smbd may not use FUSE mounts", remedy)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").rstrip("\0")
    except OSError:
        return ""

"""Who a consumer is: a process, or a container of one of the usual runtimes."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nlinkshim import arguments
from nlinkshim.errors import IncompleteError, UsageError
from nlinkshim.mounts.table import Mount, read_mounts

# How each runtime tells the process id of a container, of which the name or id comes last.
_RUNTIMES = {
    "podman": ("inspect", "--type=container", "--format={{.State.Pid}}"),
    "docker": ("inspect", "--type=container", "--format={{.State.Pid}}"),
    "crictl": ("inspect", "--output=go-template", "--template={{.info.pid}}"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}", re.ASCII)
_PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Consumer:
    """Who asks for the mount: what the user called it, its first process, and the mounts that this sees."""

    name: str
    pid: int
    mounts: tuple[Mount, ...]

    def __str__(self) -> str:
        return f"pid {self.pid}" if self.name == str(self.pid) else f"{self.name} (pid {self.pid})"


def consumer(name: str) -> Consumer:
    """The process with this id, else the container with this name or id.

    Raises:
        UsageError: there is none, or it does not run.
        IncompleteError: this user may not see its mounts.
    """
    arguments.text("--consumer", name)
    pid = int(name) if _is_process(name) else _pid_of_container(name)
    try:
        return Consumer(name, pid, tuple(read_mounts(pid)))
    except PermissionError:
        raise IncompleteError(f"--consumer {name}: only root can see its mounts") from None
    except OSError:  # ESRCH and EINVAL too: it has just ended
        raise UsageError(f"--consumer {name}: it does not run") from None


def _is_process(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 10 and Path(f"/proc/{int(name)}/ns").is_dir()


def _pid_of_container(name: str) -> int:
    asked = [program for program in _RUNTIMES if shutil.which(program)]
    answers = [_ask(program, name) for program in asked] if _NAME.fullmatch(name) else []
    pids = [int(answer) for answer in answers if answer.isdecimal()]
    if any(pids):
        return next(pid for pid in pids if pid)
    if pids:
        raise UsageError(f"--consumer {name}: it does not run")
    told = (
        f" and no container that {', '.join(asked)} knows" if asked else ", and no podman, docker or crictl"
    )
    raise UsageError(f"--consumer {arguments.shown(name)}: there is no such process{told}")


def _ask(program: str, name: str) -> str:
    try:
        done = subprocess.run(
            [program, *_RUNTIMES[program], name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

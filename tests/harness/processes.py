"""Child processes that cannot outlive the tests."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def start(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a daemon in a session of its own that gets SIGTERM when the tests end, however they end."""
    return subprocess.Popen(
        command,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509  the tests have no threads of their own
        stdin=subprocess.DEVNULL,
        **options,
    )


def stop(process: subprocess.Popen[Any], patience: float = 3.0) -> None:
    """End a daemon, asked first, and reap it. A stopped one is continued."""
    for ask in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, ask)
            os.kill(process.pid, signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def wait_until(condition: Callable[[], T | None], timeout: float, what: str) -> T:
    """The first true value of `condition`."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {timeout} s")
        time.sleep(0.01)
    return value


def run(
    command: list[str],
    *,
    env: dict[str, str] | None = None,
    timeout: float = 30.0,
    check: bool = True,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run to the end within `timeout`, output captured as text that keeps undecodable bytes."""
    done = subprocess.run(
        command,
        check=False,
        env=env,
        timeout=timeout,
        stdin=options.pop("stdin", subprocess.DEVNULL),
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        **options,
    )
    if check and done.returncode != 0:
        raise AssertionError(
            f"{command} ended with {done.returncode}\n"
            f"stdout: {done.stdout[-4000:]}\nstderr: {done.stderr[-4000:]}"
        )
    return done

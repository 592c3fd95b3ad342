"""The parent of a walk: starts the worker under the shim, watches it, reads what it found."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _cffi_backend

from nlinkshim._version import __version__
from nlinkshim._walker import ffi, lib
from nlinkshim.engines.verify.counts import counted
from nlinkshim.engines.verify.judge import Walk
from nlinkshim.engines.verify.notes import notes_of
from nlinkshim.engines.verify.result import LEFT_AT_0, Sample
from nlinkshim.mounts.table import LOCAL_TYPES
from nlinkshim.nameless import nameless_file, out_of_the_way
from nlinkshim.shim.preload import directory_nlink

if TYPE_CHECKING:
    from nlinkshim.engines.verify.options import Options

POLL_SECONDS = 0.05

# The worker's descriptors. LIFE is a pipe that it holds open as long as it lives: pidfd_open, which tells the
# same, is missing before Linux 5.3, in many containers and in Pythons built on older headers.
MEMORY, LIFE = 3, 4

Progress = Callable[[int, int], None]  # entries, lies
Report = Any  # cffi's struct walk_report *


def walk_under_shim(
    path: str, options: Options, environment: dict[str, str], shim: Path, progress: Progress | None
) -> Walk:
    """Walk `path` in a process started with `environment`.

    Raises:
        NotLoadedError: the loader did not inject the shim there, or it is another version.
    """
    with _shared_report() as (memory, report):
        end = _End()
        complaint = _run_worker(path, options, environment, memory, report, progress, end)
        if end.ended and _text(report.shim_version) != __version__:
            from nlinkshim.shim.handshake import require_version  # of a failure only: it takes 3 ms

            require_version(_text(report.shim_version), shim, complaint)
        return _read(report, end)


@contextlib.contextmanager
def _shared_report() -> Iterator[tuple[int, Report]]:
    """A file in memory for the worker to inherit, and the report that lies in it."""
    descriptor = nameless_file("nlinkshim-verify")
    try:
        os.ftruncate(descriptor, ffi.sizeof("struct walk_report"))
        with mmap.mmap(descriptor, 0) as memory:
            report = ffi.from_buffer("struct walk_report *", memory)
            try:
                yield descriptor, report
            finally:
                ffi.release(report)
    finally:
        os.close(descriptor)


class _End:
    """How the worker ended."""

    ended: bool = False  # by itself or by a signal of its own; else it was given up
    hung_at: str | None = None
    interrupted: bool = False
    crashed: str | None = None


def _run_worker(
    path: str,
    options: Options,
    environment: dict[str, str],
    memory: int,
    report: Report,
    progress: Progress | None,
    end: _End,
) -> str:
    """Returns what the worker wrote to stderr: ld.so's complaint, if any."""
    # the worker starts without site packages: it is told where the two are that it needs
    homes = [str(Path(__file__).parents[3]), str(Path(_cffi_backend.__file__).parent)]
    told = {
        "memory": MEMORY,
        "version": __version__,
        "path": path,
        "excludes": options.exclude,
        "local_types": () if options.plain else tuple(LOCAL_TYPES),
        "options": {
            "jobs": options.jobs,
            "thorough": options.thorough,
            "every_entry_point": options.every_entry_point,
            "sample": options.sample,
            "directory_nlink": directory_nlink(environment),
            "max_entries": options.max_entries,
        },
    }
    start = "from nlinkshim.engines.verify import worker"
    code = f"import sys; sys.path += {homes!r}; {start}; worker.main({told!r})"
    with open(nameless_file("nlinkshim-stderr"), "r+b", buffering=0) as complaints:
        life, held = map(out_of_the_way, os.pipe())
        try:
            try:
                pid = os.posix_spawn(
                    sys.executable,
                    [sys.executable, "-I", "-S", "-c", code],
                    environment,
                    file_actions=[
                        (os.POSIX_SPAWN_DUP2, held, LIFE),
                        (os.POSIX_SPAWN_DUP2, memory, MEMORY),
                        (os.POSIX_SPAWN_DUP2, complaints.fileno(), 2),
                        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    ],
                )
            finally:
                os.close(held)
            _watch(pid, life, path, options.timeout, report, progress, end)
        finally:
            os.close(life)
        complaints.seek(0)
        return complaints.read(4096).decode(errors="replace").strip()


def _watch(
    pid: int, life: int, path: str, timeout: float, report: Report, progress: Progress | None, end: _End
) -> None:
    """Wait for the worker, whose end closes the pipe `life`; kill it if a call takes longer than `timeout`,
    or on Ctrl-C.

    A worker that hangs in the kernel survives even SIGKILL, so after killing it nobody waits for it.
    """
    ticks: dict[int, tuple[int, float]] = {}
    waiting = select.poll()
    waiting.register(life, select.POLLIN)
    try:
        while not waiting.poll(POLL_SECONDS * 1000):
            if progress:
                progress(report.entries, counted(report, "lies"))
            slot = _stuck(report, ticks, timeout)
            if slot is not None:
                if report.phase == lib.WALK_NOTING:
                    end.ended = True
                else:
                    end.hung_at = _slot_path(path, slot)
                os.kill(pid, signal.SIGKILL)
                return
        status = os.waitpid(pid, 0)[1]
        end.ended = True
        if os.WIFSIGNALED(status):
            end.crashed = signal.Signals(os.WTERMSIG(status)).name
        elif os.WEXITSTATUS(status):
            end.crashed = f"exit {os.WEXITSTATUS(status)}"
    except KeyboardInterrupt:
        end.interrupted = True
        os.kill(pid, signal.SIGKILL)


def _stuck(report: Report, ticks: dict[int, tuple[int, float]], timeout: float) -> Any:
    """The slot of a thread that has made no call for longer than `timeout`, or, where the call looks up
    several names, than `timeout` for each of them; or None. `ticks` is what each had counted when it last
    moved, and when that was. Before the walk, slot 0 stands for the worker's start."""
    now = time.monotonic()
    for number in range(max(1, report.slot_count)):
        slot = report.slots[number]
        if report.phase != lib.WALK_STARTING and not slot.busy:
            ticks.pop(number, None)
            continue
        before, since = ticks.get(number, (-1, now))
        if before != slot.ticks:
            ticks[number] = (slot.ticks, now)
        elif now - since > timeout * max(1, slot.lookups):
            return slot
    return None


def _text(array: Any) -> str:
    return os.fsdecode(ffi.string(array))


def _slot_path(root: str, slot: Any) -> str:
    return str(Path(root, _text(slot.folder), _text(slot.name)))


def _problem(sample: Any) -> str | None:
    return {
        lib.PROBLEM_NONE: None,
        lib.PROBLEM_LEFT_ZERO: LEFT_AT_0,
        lib.PROBLEM_WRONG_COUNT: f"became {sample.patched}",
        lib.PROBLEM_FIELD_CHANGED: f"{_text(sample.field)} changed",
        lib.PROBLEM_FAILED: f"fails: {os.strerror(sample.error)}",
    }[sample.problem]


def _read(report: Report, end: _End) -> Walk:
    samples = (report.samples[number] for number in range(report.sample_count))
    below = bytes(ffi.buffer(report.mounts_below_paths, report.mounts_below_size))
    return Walk(
        **{name: getattr(report, name) for name in _COPIED},
        **{name: counted(report, name) for name in ("judged", "lies", "corrected")},
        unread={
            errno.errorcode.get(number, "other"): count for number, count in enumerate(report.unread) if count
        },
        first_error_path=_text(report.first_error_path),
        first_ghost_path=_text(report.first_ghost_path),
        first_endless_path=_text(report.first_endless_path),
        root_real_path=_text(report.root_real_path),
        mounts_below_paths=tuple(sorted(map(os.fsdecode, below.split(b"\0")[:-1]))),
        hung_at=end.hung_at,
        interrupted=end.interrupted,
        crashed=end.crashed,
        shim_scope=_text(report.shim_scope),
        notes=notes_of(report),
        samples=tuple(
            Sample(
                path=_text(sample.path),
                entry_point=_text(sample.entry_point),
                raw=sample.raw,
                patched=sample.patched,
                problem=_problem(sample),
            )
            for sample in samples
        ),
    )


_COPIED = (
    "entries",
    "left",
    "wrong",
    "moved",
    "unsettled",
    "vanished",
    "ghosts",
    "endless",
    "errors",
    "transient",
    "closely",
    "stale_error",
    "first_error",
    "root_error",
    "root_is_file",
    "root_mount_id",
    "root_path_is_literal",
    "dead_error",
    "limited",
    "mounts_below",
)

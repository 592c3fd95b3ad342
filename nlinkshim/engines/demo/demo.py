"""The demo, step by step: mount, look, verify, serve; without the shim and with it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nlinkshim.engines.demo import samba
from nlinkshim.engines.verify.options import Options
from nlinkshim.engines.verify.result import MountResult, Verdict
from nlinkshim.engines.verify.verify import verify
from nlinkshim.errors import IncompleteError
from nlinkshim.shim.preload import preload_environment

MOUNT_SECONDS = 10.0

Say = Callable[[str], None]


def demo(say: Say = print) -> list[MountResult]:
    """Tell the story through `say`. Returns what verify found without the shim, and with it.

    Raises:
        IncompleteError: FUSE, or the package's extra `demo`, is missing.
    """
    with tempfile.TemporaryDirectory(prefix="nlinkshim-demo-") as folder, _mounted(Path(folder)) as mount:
        say(f"A FUSE file system, mounted for the moment at {mount}. Its link counts are all 0:\n")
        say(_indented(_look(mount, dict(os.environ))))
        say("\nThe same under the shim:\n")
        say(_indented(_look(mount, preload_environment(scope="fuse"))))
        _serve(mount, Path(folder) / "samba", say)
        say("\nWhat verify says without the shim's work (scope off), and with it:\n")
        return [verify([mount], options=Options(scope=scope))[0] for scope in ("off", "fuse")]


def shows_the_cure(results: list[MountResult]) -> bool:
    return [result.verdict for result in results] == [Verdict.INEFFECTIVE, Verdict.NEEDED]


@contextlib.contextmanager
def _mounted(folder: Path) -> Iterator[Path]:
    if importlib.util.find_spec("mfusepy") is None:
        raise IncompleteError("the demo needs its extra: `pip install 'nlinkshim[demo]'`")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise IncompleteError("/dev/fuse is missing or not yours; load the module fuse, or run as root")
    mount = folder / "mount"
    mount.mkdir()
    device = folder.stat().st_dev
    with (folder / "fuse.log").open("w+") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "nlinkshim.engines.demo.filesystem", str(mount)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the demo, which then unmounts
        )
        try:
            deadline = time.monotonic() + MOUNT_SECONDS
            while mount.stat().st_dev == device:
                if daemon.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    said = log.read().strip().splitlines()[-1:] or ["no message"]
                    raise IncompleteError(
                        f"the demo's mount failed ({said[0]}); is libfuse 3 there (`apt-get install fuse3`)?"
                    )
                time.sleep(0.02)
            yield mount
        finally:
            _unmount(mount)
            daemon.terminate()
            daemon.wait()


def _unmount(mount: Path) -> None:
    for command in (["umount", "-l"], ["fusermount3", "-u", "-z"]):
        with contextlib.suppress(FileNotFoundError):
            if subprocess.run([*command, str(mount)], capture_output=True, check=False).returncode == 0:
                return


def _look(mount: Path, environment: dict[str, str]) -> str:
    """stat's view of the root and what lies in it: link count, type, name."""
    names = sorted(path.name for path in mount.iterdir())
    command = ["stat", "--format", "%h  %A  %n", ".", *names]
    return subprocess.run(
        command, cwd=mount, env=environment, capture_output=True, text=True, check=False
    ).stdout.rstrip()


def _serve(mount: Path, folder: Path, say: Say) -> None:
    reason = samba.missing()
    if reason:
        say(f"\nSamba is not shown: {reason}.")
        return
    sides = {"without the shim": dict(os.environ), "with the shim": preload_environment(scope="fuse")}
    for number, (side, environment) in enumerate(sides.items()):
        with samba.serving(mount, folder / str(number), environment) as port:
            say(f"\nsmbclient lists the mount as a share, smbd {side}:\n")
            say(_indented(samba.listing(port)))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())

"""Commands of the user's, run when an outage begins and ends."""

from __future__ import annotations

import os
import subprocess

from nlinkshim.engines.watch.result import Event
from nlinkshim.output.text import tell


class Hooks:
    """`commands` by the event that they are for; for `sh`, with what happened in the environment."""

    def __init__(self, commands: dict[str, str]) -> None:
        self._commands = commands
        self._running: dict[tuple[str, str], subprocess.Popen[bytes]] = {}

    def start(self, event: Event) -> None:
        """Not waited for. One that still runs for the same path is not started beside itself."""
        command = self._commands.get(event.event)
        if command is None:
            return
        key = event.event, event.path
        if key in self._running and self._running[key].poll() is None:
            tell(f"--on-{event.event}: the last one for {event.path} still runs; not started again")
            return
        told = {"PATH": event.path, "WHAT": event.what, "KIND": event.kind, "SECONDS": f"{event.seconds:.3f}"}
        self._running[key] = subprocess.Popen(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **{f"NLINKSHIM_WATCH_{name}": value for name, value in told.items()}},
            start_new_session=True,
        )

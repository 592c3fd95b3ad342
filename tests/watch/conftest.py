"""A watch on its way, and a second reader beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness import processes
from harness.preload import bare

POLLER = Path(__file__).parent.parent / "lab/poller.py"


@dataclass
class Watching:
    """A process of `nlinkshim watch --format json`; `lines` once it has ended."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def events(self, *names: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] in names]

    def await_event(self, name: str, count: int = 1, timeout: float = 20) -> dict[str, Any]:
        """The event of this name that has this number."""

        def come() -> dict[str, Any] | None:
            found = [json.loads(line) for line in self.log.read_text().split("\n")[:-1]]
            named = [line for line in found if line["event"] == name]
            return named[count - 1] if len(named) >= count else None

        return processes.wait_until(come, timeout, f"{name} {count}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    return json.loads(resources.files("nlinkshim").joinpath("output/schema/watch-1.json").read_text())


@pytest.fixture
def start(folder: Path, schema: dict[str, Any]) -> Iterator[Callable[..., Watching]]:
    """start(ARGUMENT...) starts `nlinkshim watch` in a second's hundredths, with its output in a file."""
    started: list[Watching] = []

    def run(*arguments: object, cwd: Path | None = None) -> Watching:
        log = folder / f"watch{len(started)}.jsonl"
        command = [sys.executable, "-m", "nlinkshim", "watch", "--format=json", *map(str, arguments)]
        with log.open("wb") as out:
            process = processes.start(
                ["env", "--default-signal=INT", *command],
                env=bare(),
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
            )
        started.append(Watching(process, log))
        return started[-1]

    yield run
    for watching in started:
        watching.process.kill()
        watching.process.wait(5)
        for line in watching.lines():
            jsonschema.validate(line, schema)


@pytest.fixture
def second_reader(folder: Path) -> Iterator[Callable[[str, Path], Callable[[], list[dict[str, Any]]]]]:
    """second_reader(SENTINEL, PATH) polls the folder every 10 ms; what it returns ends that and gives the
    intervals of what it saw."""
    started: list[subprocess.Popen[str]] = []

    def run(sentinel: str, path: Path) -> Callable[[], list[dict[str, Any]]]:
        process = processes.start(
            [sys.executable, "-I", "-S", str(POLLER), sentinel, f"it={path}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)

        def stop() -> list[dict[str, Any]]:
            os.killpg(process.pid, signal.SIGTERM)
            seen = [json.loads(line) for line in process.communicate(timeout=10)[0].splitlines()]
            return sorted((line for line in seen if line["who"] == "root"), key=lambda line: line["begin"])

        return stop

    yield run
    for process in started:
        process.kill()
        process.wait(5)

"""Processes to be looked at, and the look at them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness import processes
from harness.capability import require
from harness.cli import nlinkshim

WAITING = "import time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    return json.loads(resources.files("nlinkshim").joinpath("output/schema/status-1.json").read_text())


@pytest.fixture
def status(schema) -> Callable[..., tuple[int, list[dict[str, Any]]]]:
    """status(...) returns the exit code and the processes of its JSON, validated."""

    def run(*arguments: object, **options: Any) -> tuple[int, list[dict[str, Any]]]:
        outcome = nlinkshim("status", "--format", "json", *arguments, **options)
        assert outcome.out, outcome.err
        jsonschema.validate(outcome.document, schema)
        return outcome.code, outcome.document["processes"]

    return run


@pytest.fixture
def start() -> Iterator[Callable[..., int]]:
    """start(env, command) starts a process, by default a Python that sleeps, waits for its first line of
    output and returns its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def run(env: dict[str, str], *command: str) -> int:
        process = processes.start(
            list(command or (sys.executable, "-S", "-c", WAITING)), env=env, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout.readline()
        return process.pid

    yield run
    for process in started:
        process.kill()
        process.wait(5)
        process.stdout.close()


@pytest.fixture
def smbd_copy(folder: Path) -> Path:
    """smbd under a name that no other process of the machine has: at most 15 bytes fit the kernel's."""
    require("smbd")
    program = folder / f"smbd-{folder.name[-8:]}"
    shutil.copy(shutil.which("smbd", path="/usr/sbin:/usr/local/sbin"), program)
    return program

"""watch on mounts that die, hang, go and come back, beside a second reader."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from harness import mounts, processes
from harness.cli import nlinkshim

SENTINEL = "readme.txt"
HANG = 0.5
# How often each kind of outage; the figure of the documentation was made with many more.
ROUNDS = int(os.environ.get("NLINKSHIM_WATCH_ROUNDS", "1"))
EXACT = 1.0  # s


class Server:
    """A FUSE server that can be taken away and brought back."""

    def __init__(self, mount: Callable[..., object]) -> None:
        self._mount, self._stack = mount, ExitStack()
        self.start()

    def start(self) -> None:
        self.now = self._stack.enter_context(self._mount("dfs", nlink="honest"))

    def stop(self) -> None:
        self._stack.close()
        self._stack = ExitStack()


def frozen(server: Server, seconds: float) -> None:
    server.now.freeze()
    time.sleep(seconds)
    server.now.thaw()


def killed(server: Server, seconds: float) -> None:
    server.now.kill()
    time.sleep(seconds)
    mounts.detach(server.now.path)
    server.start()


def unmounted(server: Server, seconds: float) -> None:
    server.stop()
    time.sleep(seconds)
    server.start()


def hidden(server: Server, seconds: float) -> None:
    """Something else is mounted over it: another tree, without the sentinel."""
    with mounts.mounted("tmpfs", server.now.path, "tmpfs"):
        (server.now.path / "other").touch()
        time.sleep(seconds)


# What is done, and the kind of outage that it is first.
OUTAGES = {frozen: "hang", killed: "ENOTCONN", unmounted: "absent", hidden: "absent"}


def test_outages_beside_a_second_reader(mount_gofuse, folder, start, second_reader, tell):
    """Their kinds are right, and their begin and end are those that the other saw."""
    server, rng = Server(mount_gofuse), random.Random(7)  # noqa: S311
    stop = second_reader(SENTINEL, folder / "dfs")
    watching = start(folder / "dfs", "--sentinel", SENTINEL, "--interval=100ms", f"--hang={HANG}s")
    time.sleep(1)
    kinds = []
    for _ in range(ROUNDS):
        for number, (make, kind) in enumerate(OUTAGES.items()):
            make(server, HANG + 0.7 + rng.random() / 2)
            kinds.append(kind)
            watching.await_event("up", len(kinds))
            time.sleep(0.3 + 0.1 * number)
    code, seen = watching.stop(), stop()
    assert code == 0
    assert [event["kind"] for event in watching.events("down")] == kinds
    beside = spans([line for line in seen if line["seen"] != "ok"])
    told = [(up["at"] - up["seconds"], up["at"]) for up in watching.events("up")]
    assert len(told) == len(beside), (told, beside)
    worst = max(
        abs(mine - other)
        for pair in zip(told, beside, strict=True)
        for mine, other in zip(*pair, strict=True)
    )
    tell(f"watch: {len(kinds)} outages, begin and end at most {worst:.2f} s from a second reader's")
    assert worst < EXACT
    (summary,) = watching.events("summary")
    assert (summary["up"], summary["outages"]) == (True, len(kinds))


def spans(bad: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Begin and end of the outages that the second reader saw; a good answer for a moment ends none."""
    found: list[tuple[float, float]] = []
    for line in bad:
        if found and line["begin"] - found[-1][1] < 0.2:
            found[-1] = found[-1][0], line["end"]
        else:
            found.append((line["begin"], line["end"]))
    return found


def test_what_is_kept_open(mount_gofuse, folder, start):
    """A direct consumer's open file dies with its FUSE server: a fresh one answers, and that is said."""
    server = Server(mount_gofuse)
    path = folder / "dfs"
    watching = start("--folder", path / "movies", "--file", path / SENTINEL, "--interval=100ms")
    time.sleep(1)
    killed(server, 0.5)
    watching.await_event("up", 2)
    assert watching.stop() == 0
    for up in watching.events("up"):
        assert up["lost"] is True and "ENOTCONN" in up["kinds"]
    assert {up["what"] for up in watching.events("up")} == {"folder", "file"}


def test_an_open_file_that_hung_and_answers_again(mount_gofuse, folder, start):
    server = Server(mount_gofuse)
    watching = start("--file", folder / "dfs" / SENTINEL, "--interval=100ms", f"--hang={HANG}s")
    time.sleep(1)
    frozen(server, HANG + 1)
    up = watching.await_event("up")
    assert (list(up["kinds"]), up["lost"]) == (["hang"], False)


def test_one_child_at_most_is_stuck_and_a_new_mount_is_seen(mount_gofuse, folder, start):
    """The daemon hangs with a request in its hands, for ever; the operator mounts anew over it."""
    server = Server(mount_gofuse)
    path = folder / "dfs"
    watching = start(path, "--interval=100ms", "--hang=300ms")
    time.sleep(1)
    server.now.freeze()
    watching.await_event("down")
    time.sleep(1.5)
    assert len(children(watching.process.pid)) <= 2
    mounts.detach(path)
    with mount_gofuse("dfs", nlink="honest"):
        watching.await_event("up")
        assert watching.stop() == 0
    server.now.thaw()


def test_a_child_that_is_killed_is_replaced(mount_gofuse, folder, start):
    """As when memory runs out. The next one's pipe may well have the number of the last one's."""
    server = Server(mount_gofuse)
    watching = start(folder / "dfs", "--interval=100ms")
    time.sleep(1)
    for _ in range(2):
        (child,) = children(watching.process.pid)
        os.kill(int(child), signal.SIGKILL)
        processes.wait_until(
            lambda child=child: [c for c in children(watching.process.pid) if c != child], 5, "another child"
        )
    killed(server, 0.5)
    assert "ENOTCONN" in watching.await_event("up")["kinds"]
    assert watching.stop() == 0


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_errors_and_nothing(mount_scripted, folder, start):
    """EIO is named; a folder without entries is no good answer."""
    fails = folder / "fails"
    with mount_scripted("honest", fail_while=fails) as mount:
        watching = start(mount.path, folder / "none", "--interval=100ms", "--rto=100ms", "--duration=2.5s")
        (folder / "none").mkdir()
        time.sleep(1)
        fails.touch()
        time.sleep(0.5)
        fails.unlink()
        assert watching.process.wait(20) == 1
    by_path = {event["path"]: event for event in watching.events("down")}
    assert by_path[str(mount.path)]["kind"] == "EIO"
    assert by_path[str(folder / "none")]["kind"] in ("empty", "ENOENT")
    assert "FUSE server" in by_path[str(mount.path)]["remedy"]
    assert watching.events("over") and watching.events("end")


def test_the_working_directory_goes_away(folder, start):
    """A path was given from there: an outage like another, and the watch goes on."""
    (folder / "here/dfs").mkdir(parents=True)
    (folder / "here/dfs/entry").touch()
    watching = start("dfs", "--interval=100ms", cwd=folder / "here")
    time.sleep(1)
    shutil.rmtree(folder / "here")
    assert watching.await_event("down")["kind"] == "ENOENT"
    assert watching.stop() == 0
    assert watching.events("summary")[0]["up"] is False


def test_hooks(mount_gofuse, folder, start):
    """They run beside, with what happened in their environment."""
    server = Server(mount_gofuse)
    told = folder / "told"
    say = f'echo "$NLINKSHIM_WATCH_KIND $NLINKSHIM_WATCH_PATH $NLINKSHIM_WATCH_SECONDS" >>{told}'
    watching = start(folder / "dfs", "--interval=100ms", "--on-down", say, "--on-up", f"sleep 60 & {say}")
    time.sleep(1)
    killed(server, 0.5)
    watching.await_event("up")
    processes.wait_until(lambda: told.read_text().count("\n") == 2, 5, "both hooks")
    down, up = (line.split() for line in told.read_text().splitlines())
    assert down[:2] == ["ENOTCONN", str(folder / "dfs")] and up[1] == down[1]
    assert float(down[2]) == 0 and float(up[2]) > 0.4


def test_what_prometheus_reads(mount_gofuse, folder, start):
    """By the text file and over HTTP, the same; also of an outage that lasts."""
    from urllib.request import urlopen

    from harness.samba import free_port
    from prometheus_client.parser import text_string_to_metric_families

    server, port, file = Server(mount_gofuse), free_port(), folder / "nlinkshim.prom"
    watching = start(
        folder / "dfs", "--interval=100ms", "--rto=60s", f"--listen=127.0.0.1:{port}", "--textfile", file
    )
    time.sleep(1)
    server.now.kill()
    watching.await_event("down")
    served = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    assert watching.stop() == 0

    def values(text: str) -> dict[str, float]:
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        return {f"{s.name} {s.labels.get('kind', '')}".strip(): s.value for s in samples}

    for text in (served, file.read_text()):
        found = values(text)
        assert found["nlinkshim_watch_up"] == 0
        assert found["nlinkshim_watch_outages_total ENOTCONN"] == 1
        assert found["nlinkshim_watch_outage_seconds_total ENOTCONN"] > 0
        assert found["nlinkshim_watch_rto_seconds"] == 60
    mounts.detach(folder / "dfs")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "at least one path"),
        (("/", "--rto", "soon"), "is no duration; give one such as 120s"),
        (("/", "--interval", "0s"), "is no duration"),
        (("/", "--listen", "web"), "[ADDRESS:]PORT"),
        (("/", "--listen", ":99999"), "[ADDRESS:]PORT"),
        (("/", "--sentinel", ""), "sentinel"),
    ],
)
def test_wrong_usage(arguments, complaint):
    outcome = nlinkshim("watch", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert complaint in outcome.err and outcome.err.count("\n") == 1


@pytest.mark.quick
def test_a_textfile_that_cannot_be_written(folder):
    outcome = nlinkshim("watch", "/", "--duration=500ms", "--textfile", folder / "no/such/folder")
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    assert "no/such/folder" in outcome.err

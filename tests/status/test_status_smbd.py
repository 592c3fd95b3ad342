"""status on real smbd processes: with and without the shim, working, and in a container."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
from harness import processes, samba
from harness.capability import require
from harness.cli import nlinkshim
from harness.preload import Shim, bare
from harness.samba import Share
from seeing import other_build


def test_with_and_without_the_shim(status, smbd_copy, lying_mount, serve_smb, shim: Shim):
    """Told apart by the exit code, the parent and every child alike."""
    shares, name = {"dfs": Share(lying_mount.path)}, smbd_copy.name
    with serve_smb(shares, env=bare(), command=(str(smbd_copy),)) as server:
        code, found = status("--name", name)
        assert code == 1
        assert server.pid in [process["pid"] for process in found]
        assert not any(process["mapped"] or process["effective"] for process in found)
        assert all("not loaded" in process["problem"] for process in found)
    with serve_smb(shares, env=shim(), command=(str(smbd_copy),)) as server:
        code, found = status("--name", name)
        assert code == 0
        assert len(found) >= 2, "smbd starts with children"
        for process in found:
            assert process["effective"] and process["mapped"] and process["problem"] is None
            assert process["shim_path"] == str(shim.path)
            assert process["ppid"] == server.pid or process["pid"] == server.pid
        _, parent, *children = nlinkshim("status", "--name", name).out.splitlines()
        assert re.match(rf" *{server.pid}  {name} ", parent)
        assert children and all(re.match(r" *\d+    \S", child) for child in children), "not indented"
    assert status("--name", name) == (1, [])


def test_one_process_without_it_is_enough(status, smbd_copy, lying_mount, folder, shim: Shim):
    shares, command = {"dfs": Share(lying_mount.path)}, (str(smbd_copy),)
    with (
        samba.serve(folder / "one", shares, env=shim(), command=command) as good,
        samba.serve(folder / "two", shares, env=bare(), command=command) as bad,
    ):
        code, found = status("--name", smbd_copy.name)
        effective = {process["pid"]: process["effective"] for process in found}
        assert code == 1
        assert effective[good.pid] is True and effective[bad.pid] is False
        assert status("--pid", good.pid)[0] == 0
        assert status("--pid", bad.pid)[0] == 1


def test_counters_outlive_the_clients(status, smbd_copy, lying_mount, serve_smb, shim: Shim):
    """The child that served a client counted, and has ended with it."""
    with serve_smb({"dfs": Share(lying_mount.path)}, env=shim(), command=(str(smbd_copy),)) as server:
        before = {process["pid"] for process in status("--name", smbd_copy.name)[1]}
        assert server.client("dfs", "ls").returncode == 0

        def left() -> list[dict[str, object]]:
            return [process for process in status("--name", smbd_copy.name)[1] if process["pid"] in before]

        processes.wait_until(lambda: len(status("--name", smbd_copy.name)[1]) <= len(before), 10, "its end")
        assert max(process["corrected"] for process in left()) > 5


def test_counters_grow_while_a_client_lists(schema, smbd_copy, lying_mount, serve_smb, shim: Shim):
    """Seen by --watch: several documents, ended by Ctrl-C with the exit code of the last."""
    name = smbd_copy.name
    with serve_smb({"dfs": Share(lying_mount.path)}, env=shim(), command=(str(smbd_copy),)) as server:
        # One client that stays connected, so that its smbd is there to be looked at.
        client = subprocess.Popen(
            ["smbclient", "//127.0.0.1/dfs", "-p", str(server.port), "-N", "-s", "/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        command = [sys.executable, "-m", "nlinkshim", "status", "--format=json", "--watch=0.2"]
        watch = subprocess.Popen(
            # a test run in the background ignores SIGINT, and what it starts would too
            ["env", "--default-signal=INT", *command, "--name", name],
            env=bare(),
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            totals: list[int] = []

            def grown() -> bool:
                client.stdin.write(b"recurse on\nls\n")
                client.stdin.flush()
                document = next_document(watch.stdout)
                jsonschema.validate(document, schema)
                totals.append(sum(process["corrected"] or 0 for process in document["processes"]))
                return len({total for total in totals if total}) >= 3

            processes.wait_until(grown, 20, "growing counters")
            assert totals == sorted(totals)
            watch.send_signal(signal.SIGINT)
            assert watch.wait(10) == 0
        finally:
            for process in (watch, client):
                process.kill()
                process.communicate()


def next_document(stream) -> dict:
    lines = []
    for line in stream:
        lines.append(line)
        if line == b"}\n":
            return json.loads(b"".join(lines))
    raise AssertionError(f"the stream ended after {lines}")


def test_in_a_container_seen_from_the_host(status, smbd_copy, mount_gofuse, folder: Path, shim: Shim):
    """In namespaces of its own, its root an overlay of the host's, with a shim where the host has none."""
    require("podman", "runc")
    (folder / "installed").mkdir()
    # Only in the container there is something at this path: a bind mount of its own.
    inside = Path("/opt") / folder.name / "libnlinkshim.so"
    shutil.copy(shim.path, folder / "installed")
    (folder / "containers.conf").write_text('[engine]\nruntime = "runc"\n')
    with mount_gofuse("dfs") as mount:
        command = podman(folder, "run", "--rm", "--network=host", "--ulimit=nofile=20000:20000")
        command += ["--ulimit=nproc=1000:1000", f"--volume={mount.path}:{mount.path}:ro"]
        command += [f"--volume={folder / 'installed'}:{inside.parent}:ro", f"--env=LD_PRELOAD={inside}"]
        command += ["--rootfs", "/:O", str(smbd_copy)]
        env = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
        with samba.serve(
            folder / "smbd", {"dfs": Share(mount.path)}, env=env, command=tuple(command)
        ) as server:
            assert "film one.mkv" in server.client("dfs", 'ls "movies\\*"').stdout
            code, found = status("--name", smbd_copy.name)
            assert code == 0, found
            for process in found:
                assert (
                    Path(f"/proc/{process['pid']}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink()
                )
                assert process["shim_path"] == str(inside)
                assert process["problem"] is None
            assert not inside.exists()
            # Replaced in the container: found there, not on the host, where nothing is.
            (folder / "installed" / inside.name).unlink()
            (folder / "installed" / inside.name).write_bytes(other_build(shim))
            code, found = status("--name", smbd_copy.name)
            assert code == 0
            assert all("replaced by another build" in process["problem"] for process in found)


def podman(folder: Path, *words: str) -> list[str]:
    state = [f"--root={folder}/pod/root", f"--runroot={folder}/pod/run", f"--tmpdir={folder}/pod/tmp"]
    return ["podman", *state, "--cgroup-manager=cgroupfs", *words]

"""The generated entrypoint of the Alpine base, in a root file system of musl and busybox.

Not Alpine's own: no image and no package of it is at hand, so its Samba is a stand-in here. What is real is
the loader that has to take the shim, the shell that runs the scripts, and the container around them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import images, mounts, processes
from harness.capability import require
from harness.images import SHIM, Image

from nlinkshim.engines.install.install import install

STANDIN = Path(__file__).with_name("standin.c")
MUSL = Path("/lib/x86_64-linux-musl/libc.so")
APPLETS = [
    *("sh", "ls", "cat", "head", "grep", "env", "timeout", "sleep", "date", "id", "mkdir", "rm", "sed", "tr"),
    "readlink",
]
STUBS = {
    # reads the password twice, as the real one does
    "pdbedit": '#!/bin/sh\nread -r one && read -r two && [ -n "$one" ] && [ "$one" = "$two" ]\n',
    "smbclient": "#!/bin/sh\n",
    "smbcontrol": "#!/bin/sh\n",
    "testparm": "#!/bin/sh\n",
}


def busybox() -> bytes:
    """busybox without its own find: Debian's prefers its own programs, and is static: no preload gets in."""
    content = Path(shutil.which("busybox")).read_bytes()
    assert b"\0find\0" in content
    return content.replace(b"\0find\0", b"\0finD\0")


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)


@pytest.fixture(scope="module")
def musl(image: images.Builder) -> Iterator[Image]:
    """An image with the Alpine branch's files in it, under the name that its `run` starts."""
    require("musl-gcc", "busybox")
    name = "nlst-musl"
    folder = image.generate(name, {"base": "docker.io/library/alpine:3.22", "sentinel": "readme.txt"})
    root = folder / "image" / "root"
    put(root / "lib/ld-musl-x86_64.so.1", MUSL.read_bytes())
    put(root / "bin/busybox", busybox())
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    for program, text in STUBS.items():
        put(root / "usr/bin" / program, text.encode())
    put(root / "usr/lib/samba/vfs/catia.so", b"")
    (root / "usr/sbin").mkdir(parents=True)
    for place in ("usr/sbin/smbd", "usr/bin/find"):
        mount = f'-DMOUNT="{image.parent}/dfs"'
        processes.run(["musl-gcc", "-O1", "-Wall", "-Werror", mount, str(STANDIN), "-o", str(root / place)])
    for script in ("entrypoint", "healthcheck", "samba-settings"):
        put(root / "usr/local/bin" / script, (folder / "image" / script).read_bytes())
    for below in ("run/samba", str(image.parent)[1:], "run/secrets/smb", "usr/local/lib", "tmp", "etc/samba"):
        (root / below).mkdir(parents=True, exist_ok=True)
    install(Path(SHIM), root=root, program="/usr/sbin/smbd")
    path = "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    settings = 'RUN ["/usr/local/bin/samba-settings"]'
    text = f'FROM scratch\nCOPY root/ /\n{path}\n{settings}\nENTRYPOINT ["/usr/local/bin/entrypoint"]\n'
    (folder / "image" / "Containerfile.musl").write_text(text)
    bud = ["buildah", "bud", "--format=docker", "--file", folder / "image" / "Containerfile.musl"]
    image.store.run(*bud, "--tag", f"localhost/nlinkshim-smbd:{name}", folder / "image")
    yield Image(image.store, folder, name, image.port, image.parent)


def test_the_same_bytes_serve_both_libcs(musl: Image, shim):
    assert (musl.folder / "image/root" / SHIM[1:]).read_bytes() == shim.path.read_bytes()


def test_the_standin_shows_lies_without_the_shim(musl: Image, dfs):
    with dfs():
        run = ["podman", "run", "--rm", "--network=none", f"--volume={musl.parent}:{musl.parent}:ro,rslave"]
        said = musl.store.run(
            *run, "--entrypoint=timeout", f"localhost/nlinkshim-smbd:{musl.name}", "1", "smbd", check=False
        )
    assert f"0 {musl.parent}/dfs/readme.txt" in said.stdout.splitlines()


def test_it_serves_what_is_corrected(musl: Image, dfs):
    with dfs(), musl.started() as container:
        processes.wait_until(lambda: "readme.txt" in container.log(), 10, "the stand-in's listing")
        lines = container.log().splitlines()
        assert f"nlinkshim: the link counts of 0 in a sample of {musl.parent}/dfs are corrected" in lines
        counts = {
            path: int(count)
            for count, path in (
                line.split(" ", 1) for line in lines if f"{musl.parent}/" in line and line[0].isdigit()
            )
        }
        assert len(counts) > 20
        mount = f"{musl.parent}/dfs"
        assert counts[mount] == counts[f"{mount}/movies"] == 2
        assert counts[f"{mount}/readme.txt"] == counts[f"{mount}/to-readme"] == 1
        assert 0 not in counts.values()
        assert container.stop() < 2


def test_musl_says_nothing_and_it_refuses(musl: Image, dfs, folder: Path):
    """musl's loader goes on without a word when it cannot take a preload."""
    (folder / "empty.so").touch(mode=0o755)
    with dfs():
        outcome = musl.run_to_its_end(f"--volume={folder}/empty.so:{SHIM}:ro")
    assert outcome.refused(4, "is not loaded as it should be", "Loading it said: nothing"), outcome


def test_other_refusals_in_busybox_shell(musl: Image, dfs, folder: Path):
    assert musl.run_to_its_end().refused(3, f"nothing is mounted at {musl.parent}/dfs", "(waited 2 s)")
    with dfs() as mount:
        assert musl.run_to_its_end(secrets=folder).refused(2, "there is no /run/secrets/smb/media")
        assert musl.run_to_its_end("--env=NLINKSHIM_SCOPE=off").refused(2, "NLINKSHIM_SCOPE=off")
        mount.kill()
        assert musl.run_to_its_end().refused(3, "does not answer")


def test_a_daemon_that_took_the_request_for_good(musl: Image, dfs, folder: Path):
    """What waits for it cannot even be killed, and busybox' timeout is what waits; the reason is told all the
    same. The container ends with the mount only."""
    entrypoint = (musl.folder / "image" / "entrypoint").read_text()
    put(
        folder / "entrypoint",
        entrypoint.replace("sentinel=readme.txt", "sentinel=movies/poster.jpg").encode(),
    )
    flag = f"--volume={folder}/entrypoint:/usr/local/bin/entrypoint:ro"
    with dfs(latency="1h", plus=False, entry_timeout="0s") as mount, musl.started(flag) as container:
        processes.wait_until(lambda: "does not answer" in container.log(), 20, "the refusal")
        mounts.abort(mount.device)


def test_the_image_check(musl: Image):
    run = [
        "podman",
        "run",
        "--rm",
        "--network=none",
        f"localhost/nlinkshim-smbd:{musl.name}",
        "--check-image",
    ]
    assert musl.store.run(*run).stderr.count("nlinkshim") == 0

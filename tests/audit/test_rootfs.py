"""A root file system that is not this machine's: links stay inside, whatever they say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from harness.cli import nlinkshim, one_clear_line
from harness.programs import Image, ids

from nlinkshim.errors import UsageError
from nlinkshim.rootfs import RootFs


@pytest.fixture
def outside(folder: Path) -> Path:
    path = folder / "outside"
    path.mkdir()
    (path / "secret").write_text("not to be seen")
    return path


@pytest.fixture
def root(folder: Path) -> RootFs:
    (folder / "root/usr/lib").mkdir(parents=True)
    return RootFs(folder / "root")


@pytest.mark.parametrize(
    ("link", "path", "real"),
    [
        ("/usr/lib", "/link/x", "/usr/lib/x"),
        ("usr/lib", "/link/x", "/usr/lib/x"),
        ("../../../../usr/lib", "/link/x", "/usr/lib/x"),
        ("/usr/../../..//./usr/lib/", "/link/../x", "/usr/x"),
        ("/", "/link/link/link/usr", "/usr"),
        ("/usr/nothing", "/link", "/usr/nothing"),
    ],
)
def test_links_are_followed_inside(root, link, path, real):
    Path(root.top, "link").symlink_to(link)
    assert root.real(path) == real


@pytest.mark.parametrize("link", ["{outside}", "../outside", "../../../../../../../../../../{outside}"])
@pytest.mark.parametrize("path", ["/link/secret", "/usr/lib/../../link/secret", "/../../link/secret"])
def test_links_are_never_followed_out(root, outside, link, path):
    Path(root.top, "link").symlink_to(link.format(outside=outside))
    with pytest.raises(FileNotFoundError):
        root.open_file(path)
    assert root.names("/link") == []
    assert not root.is_folder("/link")


def test_a_link_to_a_file_outside(root, outside):
    Path(root.top, "usr/secret").symlink_to(f"../../{outside.name}/secret")
    Path(root.top, "usr/absolute").symlink_to(f"{outside}/secret")
    for path in ("/usr/secret", "/usr/absolute"):
        with pytest.raises(FileNotFoundError):
            root.read(path, 10)


def test_circles_end(root):
    Path(root.top, "a").symlink_to("b")
    Path(root.top, "b").symlink_to("a")
    for path in ("/a", "/a/x"):
        with pytest.raises(OSError, match="symbolic links"):
            root.real(path)


def test_endless_paths_are_refused(root):
    with pytest.raises(OSError, match="too long"):
        root.real("/a" * 100000)


def test_wildcards(root):
    for name in ("b.conf", "a.conf", ".hidden.conf", "other"):
        Path(f"{root.top}/usr/lib/{name}").touch()
    assert root.glob("/usr/*/*.conf") == ["/usr/lib/a.conf", "/usr/lib/b.conf"]
    assert root.glob("/no/*.conf") == []


def test_a_top_that_is_no_folder(outside):
    with pytest.raises(UsageError):
        RootFs(outside / "secret")


def test_a_program_is_never_looked_for_outside(aarch64_image, static):
    """The link leads to a real program, but only for one who leaves the image."""
    target = "../../../../../../../../../../.." + str(static)
    for name, link in (("relative", target), ("absolute", static)):
        (aarch64_image / f"/usr/bin/{name}").symlink_to(link)
        outcome = nlinkshim("audit", "--root", aarch64_image.top, f"/usr/bin/{name}")
        assert outcome.code == 2
        assert one_clear_line(outcome)
        assert "does not exist" in outcome.err


def test_a_library_is_never_looked_for_outside(audit, aarch64_image, folder):
    """libc of the image moves out, and a link to it stays behind."""
    libc = aarch64_image / "/usr/lib/aarch64-linux-gnu/libc.so.6"
    moved = folder / "libc.so.6"
    libc.rename(moved)
    for link in (moved, os.path.relpath(moved, libc.parent)):
        libc.symlink_to(link)
        assert libc.is_file()
        code, result = audit("/usr/sbin/server", "--root", aarch64_image.top)
        assert (code, ids(result, "warning")) == (1, {"missing-library"})
        assert not [path for path in result["objects"] if path.endswith("libc.so.6")]
        libc.unlink()


def test_the_loader_is_never_looked_for_outside(audit, aarch64_image, aarch64_shim, folder):
    loader = aarch64_image / "/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"
    moved = folder / loader.name
    loader.rename(moved)
    loader.symlink_to(os.path.relpath(moved, loader.parent))
    code, result = audit("/usr/sbin/server", "--root", aarch64_image.top, "--shim", aarch64_shim)
    assert (code, ids(result, "error")) == (1, {"loader-missing"})


def test_privileges_of_the_file_in_the_image(audit, aarch64_image, aarch64_shim):
    """Not of what has its path on this machine."""
    program = aarch64_image / "/usr/sbin/server"
    program.chmod(0o4755)
    (aarch64_image / "/usr/bin/link").symlink_to("/usr/sbin/server")
    code, result = audit("/usr/bin/link", "--root", aarch64_image.top, "--shim", aarch64_shim)
    assert (code, ids(result, "error")) == (1, {"setuid"})


def test_programs_are_looked_up_inside(audit, aarch64_image, aarch64_shim):
    code, result = audit("server", "--root", aarch64_image.top, "--shim", aarch64_shim)
    assert (code, result["objects"][0]) == (0, "/usr/sbin/server")


def test_scripts_run_by_what_is_inside(audit, aarch64_image: Image, aarch64_shim, dynamic):
    aarch64_image.copy("/usr/bin/env")
    script = aarch64_image / "/usr/bin/script"
    script.write_text("#!/usr/bin/env server\n")
    code, result = audit("/usr/bin/script", "--root", aarch64_image.top, "--shim", aarch64_shim)
    assert (code, result["objects"][0], result["machine"]) == (0, "/usr/sbin/server", "aarch64")
    shutil.copy(dynamic, aarch64_image / "/bin/own")

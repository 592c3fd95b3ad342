"""Each remedy that is a command, run by sh: it changes the mount that was judged, and no other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import mounts
from harness.capability import require
from harness.namespace import mount_dead, mount_hung, privately

from nlinkshim.mounts import remedy
from nlinkshim.mounts.table import Mount, mount_of, read_mounts, visible_mount

NAMES = [
    "plain",
    "it's",
    'say "yes"',
    "two words",
    " leads",
    "trails ",
    "x; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "a&touch pwned|c>pwned",
    "$HOME",
    "~",
    "*",
    "?[a-z]",
    "!!",
    "#",
    "%s%n%%",
    "back\\slash",
    "\\040",
    "-l",
    "--all",
    "line\nbreak",
    "ends\n",
    "\n\n",
    "tab\t",
    "\r",
    "\x1b[31mred",
    "\x7f",
    "архив",
    "Åland 映画",
    "\u202egpj.exe",  # turns the direction of writing
    "\u2028",
    os.fsdecode(b"\x85"),
    os.fsdecode(b"\x1e"),
    os.fsdecode(b"\x0b\x0c\x1c"),
    os.fsdecode(b"not\xffutf-8"),
    os.fsdecode(b"\xd1"),  # half a character
]
SHELLS = {"sh": ["sh"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
Ailment = Callable[[Mount], remedy.Remedy]


@pytest.fixture(params=["util-linux", "busybox"])
def tools(request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    """An environment in which umount, mount and unshare are those of one project."""
    require("fuse", "busybox")
    (folder / "bin").mkdir()
    if request.param == "busybox":
        for name in ("umount", "mount", "unshare"):
            (folder / "bin" / name).symlink_to("/bin/busybox")
    return os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}"}


def run(command: str, shell: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*shell, "-c", command], env=environment, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, b""), (command, done.stderr)


def check_gone(mount: Mount, command: str, shell: list[str], environment: dict[str, str]) -> None:
    """After the command, and after it again, that mount is gone and nothing else has changed."""
    assert command.isprintable()
    before = read_mounts()
    run(command, shell, environment)
    wanted = [other for other in before if other != mount]
    assert read_mounts() == wanted, command
    subprocess.run([*shell, "-c", command], env=environment, capture_output=True, timeout=20, check=False)
    assert read_mounts() == wanted, command


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("ailment", ["dead", "hung", "stale"])
def test_a_command_changes_one_mount(ailment: str, shell: str, tools: dict[str, str], folder: Path) -> None:
    """Every name, mounted all at once, and again with a mount on each prefix of its name."""

    def task() -> None:
        os.chdir(folder)
        points = [folder / "names" / name for name in NAMES]
        for point in points:
            for here in (point, point.with_name(point.name + "2")):
                here.mkdir(parents=True)
                descriptor = mount_hung(here)
                if ailment != "hung":
                    os.close(descriptor)
        for point in points:
            mount = visible_mount(point)
            assert mount is not None and mount.is_fuse and mount.path == str(point)
            assert mount_of(str(point), read_mounts()) == mount
            advice = remedy.free(mount) if ailment == "hung" else remedy.remount(mount)
            assert advice.command is not None
            check_gone(mount, advice.command, SHELLS[shell], tools)
        assert not (folder / "pwned").exists()

    privately(task)


@pytest.mark.parametrize("name", NAMES)
def test_an_advice_without_a_command(name: str, folder: Path) -> None:
    """No allow_other, a folder where the mount should be: nothing that a shell could run."""
    require("fuse")

    def task() -> None:
        point = folder / name
        point.mkdir()
        around = visible_mount(point)
        mounts.mount("none", point, "tmpfs")
        for plain in (around, visible_mount(point)):
            assert plain is not None and not plain.is_fuse
            assert remedy.unmount(plain) is remedy.abort(plain) is None
            assert remedy.remount(plain).command is remedy.free(plain).command is None
        mount_dead(point, options="max_read=4096")
        private = visible_mount(point)
        assert private is not None and not private.allow_other
        assert remedy.open_to_others(private).command is None

    privately(task)


def test_hidden_and_stacked_mounts(tools: dict[str, str], folder: Path) -> None:
    """A path leads to the uppermost mount: a lower one has no command, and is never taken for it."""

    def task() -> None:
        point, above = folder / "above" / "dfs", folder / "above"
        point.mkdir(parents=True)
        mount_dead(point)  # a lazy unmount of this one would take the next too
        mount_dead(point)
        lower, upper = [mount for mount in read_mounts() if mount.path == str(point)]
        assert visible_mount(point) == mount_of(str(point), read_mounts()) == upper
        assert remedy.unmount(lower) is None and remedy.remount(lower).command is None
        assert remedy.share(lower) is None and remedy.allow_exec(lower) is None
        mounts.mount("none", above, "tmpfs")
        assert remedy.unmount(upper) is None
        point.mkdir()
        assert mount_of(str(point), read_mounts()) == visible_mount(point)
        mount_dead(point)
        newest = visible_mount(point)
        assert newest is not None and newest not in (lower, upper)
        check_gone(newest, str(remedy.unmount(newest)), ["sh"], tools)
        mounts.detach_top(above)
        assert visible_mount(point) == upper
        check_gone(upper, str(remedy.unmount(upper)), ["sh"], tools)
        assert visible_mount(point) == lower
        check_gone(lower, str(remedy.unmount(lower)), ["sh"], tools)

    privately(task)


def test_a_mount_that_bears_another(folder: Path) -> None:
    """A lazy unmount would take the inner one too: there is no command, and the words name it."""
    require("fuse")

    def task() -> None:
        outer = folder / "outer"
        outer.mkdir()
        mount_hung(outer)
        (mount,) = [mount for mount in read_mounts() if mount.path == str(outer)]
        inner = mount._replace(id=10**6, parent=mount.id, path=f"{outer}/inner", fstype="tmpfs")
        assert remedy.unmount(mount, [*read_mounts(), inner]) is None
        advice = remedy.remount(mount, [*read_mounts(), inner])
        assert advice.command is None and inner.path in advice.text

    privately(task)


def test_a_source_with_the_name_of_the_mount(tools: dict[str, str], folder: Path) -> None:
    """bindfs gives the folder that it shows as its source, and umount looks for sources too."""

    def task() -> None:
        for name in ("dfs", "earlier", "later"):
            (folder / name).mkdir()
        for slash in ("", "/"):
            for ailment in (remedy.remount, remedy.free):
                mount_dead(folder / "earlier", source=f"{folder}/dfs{slash}")
                descriptor = mount_hung(folder / "dfs")
                if ailment is remedy.remount:
                    os.close(descriptor)
                mount_dead(folder / "later", source=f"{folder}/dfs{slash}")
                mount = visible_mount(folder / "dfs")
                assert mount is not None
                check_gone(mount, str(ailment(mount).command), ["sh"], tools)

    privately(task)


def test_below_a_symbolic_link(tools: dict[str, str], folder: Path) -> None:
    def task() -> None:
        (folder / "real" / "dfs").mkdir(parents=True)
        (folder / "link").symlink_to("real")
        mount_dead(folder / "real" / "dfs")
        mount = visible_mount(folder / "link" / "dfs")
        assert mount is not None and mount.path == str(folder / "real" / "dfs")
        check_gone(mount, str(remedy.unmount(mount)), ["sh"], tools)

    privately(task)


def test_over_the_root(folder: Path) -> None:
    """A mount over `/` is on no path, and `/` has no command whatever it is."""
    require("fuse")

    def task() -> None:
        root = visible_mount("/")
        mount_dead(Path("/"))
        over = read_mounts()[-1]
        assert over.path == "/" and over.is_fuse
        assert visible_mount("/") == mount_of("/", read_mounts()) == root
        for mount in (over, root):
            assert mount is not None
            assert remedy.unmount(mount) is None and remedy.remount(mount).command is None
            alone = mount._replace(fstype="fuse.root", parent=0)
            assert remedy.unmount(alone, [alone]) is remedy.remount(alone, [alone]).command is None

    privately(task)


def test_sharing_and_exec(tools: dict[str, str], folder: Path) -> None:
    def task() -> None:
        for name in NAMES:
            point = folder / "places" / name
            point.mkdir(parents=True)
            mounts.mount("none", point, "tmpfs", 8)  # noexec
            mount = visible_mount(point)
            assert mount is not None and not mount.optional and "noexec" in mount.options
            others = [other for other in read_mounts() if other != mount]
            for command in (remedy.share(mount), remedy.allow_exec(mount)):
                assert command is not None and command.isprintable()
                run(command, ["sh"], tools)
            now = visible_mount(point)
            assert now is not None and now.id == mount.id
            assert now.optional and "noexec" not in now.options
            assert [other for other in read_mounts() if other != now] == others
            mounts.detach_top(point)

    privately(task)


@pytest.mark.parametrize("name", ["plain", "in\nside", "two words", "архив", os.fsdecode(b"\xff"), "-z"])
def test_by_the_user_who_mounted(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not root: with fusermount3, which lets a user unmount what is his."""
    require("fuse")

    def task() -> None:
        folder.chmod(0o777)
        point = folder / name
        point.mkdir()
        os.chown(point, 1000, 1000)
        mount_dead(point, options="allow_other")
        (mount,) = [mount for mount in read_mounts() if mount.path == str(point)]
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        own = mount._replace(super_options=("rw", "user_id=1000"))
        command = remedy.unmount(own, [m if m != mount else own for m in read_mounts()])
        assert command is not None and command.startswith("fusermount")
        assert str(remedy.unmount(mount)).startswith("umount ")
        before = read_mounts()
        run(command, ["sh"], dict(os.environ))
        assert read_mounts() == [other for other in before if other != mount]

    privately(task)


def test_a_volume_below_the_mount(tools: dict[str, str], folder: Path) -> None:
    """FUSE mounted over an ordinary mount, as on a volume: the command, run again, leaves the volume."""

    def task() -> None:
        (folder / "volume").mkdir()
        mounts.mount("none", folder / "volume", "tmpfs")
        for ailment in (remedy.remount, remedy.free):
            descriptor = mount_hung(folder / "volume")
            if ailment is remedy.remount:
                os.close(descriptor)
            mount = visible_mount(folder / "volume")
            assert mount is not None and mount.is_fuse
            check_gone(mount, str(ailment(mount).command), ["sh"], tools)

    privately(task)

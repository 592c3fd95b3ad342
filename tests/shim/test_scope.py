"""Where the shim looks: FUSE mounts, or the mounts at given paths, or nowhere."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import Probe

MS_MOVE = 0x2000

LIE = {"readme.txt": 1, "movies": 2}


def ask(mount: Path) -> list[object]:
    """The same two entries by name and by descriptor."""
    return [word for name in LIE for call in ("stat", "fstat", "statx") for word in (call, mount / name)]


LEFT = [0] * 6
CORRECTED = [1, 1, 1, 2, 2, 2]


def test_off(the_probe: Probe, lying_mount, shim: Shim):
    assert the_probe.run(*ask(lying_mount.path), env=shim(scope="off")) == the_probe.run(
        *ask(lying_mount.path), env=bare()
    )


def test_fuse_by_name(each_table: Probe, lying_mount, shim: Shim):
    assert each_table.run(*ask(lying_mount.path), env=shim(scope="fuse")).nlinks == CORRECTED


@pytest.mark.parametrize("spelling", ["{}", "{}/", "{}//", "/nothing/here:{}", "{}:/nothing/here", "/:{}"])
def test_path(spelling: str, each_table: Probe, lying_mount, shim: Shim):
    env = shim(scope=spelling.format(lying_mount.path))
    assert each_table.run(*ask(lying_mount.path), env=env).nlinks == CORRECTED


def test_a_path_leaves_other_fuse_mounts_alone(each_table: Probe, lying_mount, mount_gofuse, shim: Shim):
    with mount_gofuse("chosen") as chosen:
        words = ask(chosen.path) + ask(lying_mount.path)
        assert each_table.run(*words, env=shim(scope=chosen.path)).nlinks == CORRECTED + LEFT
        env = shim(scope=f"{chosen.path}:{lying_mount.path}")
        assert each_table.run(*words, env=env).nlinks == CORRECTED + CORRECTED


@pytest.mark.parametrize(
    "wrong",
    ["{}x", "{}/movies", "{parent}", "{parent}/*", "/"],
    ids=["longer", "below", "above", "pattern", "root"],
)
def test_a_path_is_compared_literally(wrong: str, the_probe: Probe, lying_mount, shim: Shim):
    scope = wrong.format(lying_mount.path, parent=lying_mount.path.parent)
    assert the_probe.run(*ask(lying_mount.path), env=shim(scope=scope)).nlinks == LEFT


@pytest.mark.parametrize(
    "name", ["with space", "tab\there", "new\nline", "back\\slash", "hash#", "\\040", "long" * 50]
)
def test_mount_points_that_mountinfo_escapes(name: str, each_table: Probe, mount_gofuse, shim: Shim):
    with mount_gofuse(name) as mount:
        assert each_table.run(*ask(mount.path), env=shim(scope=mount.path)).nlinks == CORRECTED
        assert each_table.run(*ask(mount.path), env=shim()).nlinks == CORRECTED


def unlinked(place: Path) -> list[object]:
    (place / "held").write_text("")
    return ["open", place / "held", "unlink", place / "held", "fstat", "@", "stat", "/proc/self/fd/{fd}"]


def test_a_path_that_is_a_tmpfs(each_table: Probe, folder: Path, shim: Shim):
    with mounts.mounted("tmpfs", folder, "tmpfs"):
        assert each_table.run(*unlinked(folder), env=shim(scope=folder)).nlinks == [0, 0]


def test_a_path_without_its_mount(each_table: Probe, folder: Path, shim: Shim):
    """Every Kubernetes volume's path exists; a missing mount must not put the root file system in scope."""
    assert each_table.run(*unlinked(folder), env=shim(scope=f"{folder}:/")).nlinks == [0, 0]


@pytest.mark.parametrize("fstype", ["disk", "tmpfs"])
def test_types_that_never_count(fstype: str, the_probe: Probe, folder: Path, shim: Shim):
    """A file that is bind-mounted and then unlinked truly shows 0 by name."""
    place, there = folder / "place", folder / "there"
    place.mkdir()
    if fstype == "tmpfs":
        mounts.mount("tmpfs", place, "tmpfs")
    (place / "file").write_text("")
    there.write_text("")
    with mounts.bound(place / "file", there):
        (place / "file").unlink()
        words = ["stat", there, "lstat", there, "fstat", there, "statx", there]
        assert the_probe.run(*words, env=bare()).nlinks == [0, 0, 0, 0]
        for scope in (there, f"{place}:{there}:/"):
            assert the_probe.run(*words, env=shim(scope=scope)).nlinks == [0, 0, 0, 0]


@pytest.mark.parametrize("beneath", ["nothing", "tmpfs", "a bind of the disk"])
def test_mounted_and_remounted_under_a_running_process(
    beneath, each_table: Probe, mount_gofuse, folder: Path, shim: Shim
):
    place = folder / "later"
    place.mkdir()
    if beneath == "tmpfs":
        mounts.mount("tmpfs", place, "tmpfs")
    elif beneath == "a bind of the disk":
        mounts.mount(str(folder), place, None, mounts.MS_BIND)
        mounts.mount("none", place, None, mounts.MS_PRIVATE)
    script: list[object] = ["stat", place, "pause", "before"]
    for label in ("mounted", "remounted"):
        script += ["sleep", "1.1", *ask(place), "pause", label]
    with each_table.paused(*script, env=shim(scope=place)) as probe:
        probe.until("before")
        with mount_gofuse("later"):
            probe.go_on()
            assert probe.until("mounted").nlinks == CORRECTED
        with mount_gofuse("later"):
            probe.go_on()
            assert probe.until("remounted").nlinks == CORRECTED


def test_the_topmost_mount_counts(each_table: Probe, mount_gofuse, folder: Path, shim: Shim):
    """The lying mount is hidden at the path of the scope, and visible elsewhere: not in scope."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    with mount_gofuse("stacked") as mount, mounts.bound(mount.path, elsewhere):
        env = shim(scope=mount.path)
        with mounts.mounted("tmpfs", mount.path, "tmpfs"):
            assert each_table.run(*ask(elsewhere), env=env).nlinks == LEFT
        with mount_gofuse("stacked", nlink="honest"):
            assert each_table.run(*ask(elsewhere), env=env).nlinks == LEFT
            assert each_table.run(*ask(mount.path), env=env) == each_table.run(*ask(mount.path), env=bare())
        assert each_table.run(*ask(mount.path), env=env).nlinks == CORRECTED


def test_a_lying_mount_on_top(each_table: Probe, mount_gofuse, folder: Path, shim: Shim):
    place = folder / "stacked"
    place.mkdir()
    with mounts.mounted("tmpfs", place, "tmpfs"), mount_gofuse("stacked"):
        assert each_table.run(*ask(place), env=shim(scope=place)).nlinks == CORRECTED


def test_only_the_mount_at_the_path(each_table: Probe, lying_mount, folder: Path, shim: Shim):
    """A bind mount of a folder of the lying mount, chosen by its own path."""
    place = folder / "bind"
    place.mkdir()
    with mounts.bound(lying_mount.path, place):
        assert each_table.run(*ask(place), env=shim(scope=place)).nlinks == CORRECTED


@contextlib.contextmanager
def moved(source: Path, target: Path):
    mounts.mount(str(source), target, None, MS_MOVE)
    try:
        yield
    finally:
        mounts.mount(str(target), source, None, MS_MOVE)


def test_the_oldest_moved_on_top(each_table: Probe, mount_gofuse, folder: Path, shim: Shim):
    """Lists are ordered by age since Linux 6.8; what stands on what tells the topmost."""
    place = folder / "place"
    place.mkdir()
    with (
        mount_gofuse("oldest") as oldest,
        mounts.mounted("tmpfs", place, "tmpfs"),
        mounts.mounted("tmpfs", place, "tmpfs"),
        moved(oldest.path, place),
    ):
        assert each_table.run(*ask(place), env=shim(scope=place)).nlinks == CORRECTED


def test_a_hidden_mount_that_is_younger(each_table: Probe, mount_gofuse, folder: Path, shim: Shim):
    """It stands at the same path of a folder that another mount covers."""
    above, cover = folder / "above", folder / "cover"
    (cover / "mount").mkdir(parents=True)
    with (
        mount_gofuse("older") as older,
        mount_gofuse("above/mount", nlink="honest"),
        mounts.bound(cover, above),
        moved(older.path, above / "mount"),
    ):
        words = ask(above / "mount")
        assert each_table.run(*words, env=shim(scope=above / "mount")).nlinks == CORRECTED


@pytest.fixture
def overlay(lying_mount, folder: Path):
    require("overlay")
    for name in ("upper", "work", "merged"):
        (folder / name).mkdir()
    data = f"lowerdir={lying_mount.path},upperdir={folder}/upper,workdir={folder}/work"
    with mounts.mounted("overlay", folder / "merged", "overlay", data=data) as merged:
        yield merged


def test_overlay_over_a_lying_mount(overlay: Path, each_table: Probe, shim: Shim):
    """It passes 0 on under device numbers of its own, so only a path scope reaches it."""
    raw = each_table.run(*ask(overlay), env=bare()).nlinks
    assert 0 in raw
    assert each_table.run(*ask(overlay), env=shim()).nlinks == raw
    right = [there or count for there, count in zip(raw, CORRECTED, strict=True)]
    assert each_table.run(*ask(overlay), env=shim(scope=overlay)).nlinks == right


@pytest.mark.parametrize("call", ["stat", "fstat", "statx", "lstat", "fstatat"])
@pytest.mark.parametrize("name", ["readme.txt", "movies", "movies/film one.mkv", "shows/season 1", ""])
def test_overlay_first_call(call: str, name: str, overlay: Path, the_probe: Probe, shim: Shim):
    raw = the_probe.run(call, overlay / name, env=bare()).call
    patched = the_probe.run(f"repeat={50}", call, overlay / name, env=shim(scope=overlay)).call
    assert patched.nlink == (raw.nlink or (2 if raw.mode & 0o40000 else 1))
    assert patched.same


@pytest.mark.parametrize("first", ["by its path", "elsewhere"])
def test_an_overlay_whoever_asks_first(
    first: str, overlay: Path, each_table: Probe, folder: Path, shim: Shim
):
    """Its files carry a device that no mount has: the mount that they are in tells whose they are."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    with mounts.bound(overlay, elsewhere):
        here, there = ["stat", overlay / "readme.txt"], ["stat", elsewhere / "readme.txt"]
        words = [*here, *there, *here] if first == "by its path" else [*there, *here, *there]
        held = ["path-only=1", "open", elsewhere / "movies/poster.jpg", "repeat=20", "fstat", "@"]
        assert each_table.run(*words, *held, env=shim(scope=overlay)).nlinks == [1] * 4


def test_another_overlay_is_left_alone(
    overlay: Path, each_table: Probe, lying_mount, folder: Path, shim: Shim
):
    for name in ("upper2", "work2", "merged2"):
        (folder / name).mkdir()
    data = f"lowerdir={lying_mount.path},upperdir={folder}/upper2,workdir={folder}/work2"
    with mounts.mounted("overlay", folder / "merged2", "overlay", data=data) as other:
        words = ["stat", other / "readme.txt", "stat", overlay / "readme.txt", "stat", other / "readme.txt"]
        assert each_table.run(*words, env=shim(scope=overlay)).nlinks == [0, 1, 0]


def test_after_chroot_without_proc(the_probe: Probe, lying_mount, folder: Path, shim: Shim):
    """Names, and what lies at its root, need no /proc where the kernel tells of mounts."""
    require("statmount")
    (folder / "lying").mkdir()
    with mounts.bound(lying_mount.path, folder / "lying"):
        words = ["chroot", folder, "stat", "/lying/readme.txt", "sleep", "1.1", "stat", "/lying/movies"]
        words += ["path-only=1", "open", "/lying/readme.txt", "fstat", "@"]
        assert the_probe.run(*words, env=shim()).nlinks == [1, 2, 1]


def test_truth_on_an_overlay(overlay: Path, each_table: Probe, shim: Shim):
    """A file of the upper layer that is unlinked while open."""
    assert each_table.run(*unlinked(overlay), env=shim(scope=overlay)).nlinks[0] == 0


def test_a_configured_path_is_never_looked_at(each_table: Probe, lying_mount, shim: Shim, folder: Path):
    require("strace")
    with_scope = [str(folder), "/nothing/at/all"]
    env = shim(scope=":".join([*with_scope, str(lying_mount.path)]))
    log = folder / "strace"
    words = [*ask(lying_mount.path), "stat", "/etc/passwd"]
    processes.run(
        ["strace", "-f", "-o", str(log), *each_table.command(*words)], env=bare(STRACE="1") | env, timeout=60
    )
    calls = [line for line in log.read_text().splitlines() if "execve" not in line and "write(1" not in line]
    assert any("mountinfo" in line or "listmount" in line or "0x1ca" in line for line in calls)
    for path in with_scope:
        assert [line for line in calls if f'"{path}"' in line] == []

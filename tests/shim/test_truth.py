"""What 0 must keep meaning: a file that is unlinked while open, on every file system that tells the truth."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import mounts, processes
from harness.calls import by_name, takes_descriptor
from harness.capability import require
from harness.preload import Shim, bare
from harness.probe import Probe
from harness.table import BY_DESCRIPTOR, BY_NAME, EntryPoint, shaped

DESCRIPTOR_CALLS = [entry for entry in shaped(BY_NAME, BY_DESCRIPTOR) if takes_descriptor(entry)]
FOLLOWING = shaped({"PATH", "AT", "XPATH", "STATX"})
SPELLINGS = [
    "/proc/self/fd/{fd}",
    "/proc/thread-self/fd/{fd}",
    "/dev/fd/{fd}",
    "//proc//self//fd//{fd}",
    "/./proc/self/fd/{fd}",
    "/proc/../proc/self/fd/{fd}",
    "/tmp/../proc/self/fd/{fd}",
    "/dev/../proc/self/fd/{fd}",
]


@pytest.fixture(params=["disk", "tmpfs", "honest FUSE", "bind of honest FUSE"])
def honest_place(request: pytest.FixtureRequest, folder: Path):
    """A folder that tells the truth, with `readme.txt` and an empty folder `empty`, to be removed."""
    place = folder / "place"
    place.mkdir()
    if "FUSE" in request.param:
        with request.getfixturevalue("mount_gofuse")(nlink="honest") as mount:
            if request.param.startswith("bind"):
                with mounts.bound(mount.path, place):
                    yield place
            else:
                yield mount.path
        return
    if request.param == "tmpfs":
        mounts.mount("tmpfs", place, "tmpfs")
    (place / "readme.txt").write_text("held open\n")
    (place / "empty").mkdir()
    yield place


def removed(words: list[object], place: Path) -> list[object]:
    return ["open", place / "readme.txt", "unlink", place / "readme.txt", *words]


def test_unlinked_open_file(honest_place: Path, each_probe: Probe, shim: Shim):
    """Through every descriptor call, again and again; and no by-name answer before it changes that."""
    words: list[object] = []
    for entry in DESCRIPTOR_CALLS:
        words += ["repeat=20", entry.name, "@"]
    output = each_probe.run("stat", honest_place, *removed(words, honest_place), env=shim())
    assert output.nlinks[0] > 0
    assert {call.name: (call.nlink, call.same) for call in output.calls[1:]} == {
        entry.name: (0, True) for entry in DESCRIPTOR_CALLS
    }


def test_unlinked_open_file_beside_a_lying_mount(
    honest_place: Path, the_probe: Probe, lying_mount, shim: Shim
):
    """What is known about one device says nothing about another."""
    lie = ["stat", lying_mount / "readme.txt", "fstat", lying_mount / "readme.txt"]
    output = the_probe.run(*lie, *removed(["fstat", "@", *lie, "fstat", "@"], honest_place), env=shim())
    assert output.nlinks == [1, 1, 0, 1, 1, 0]


@pytest.mark.parametrize("scope", ["fuse", "path"])
def test_unlinked_open_file_by_its_proc_name(scope: str, honest_place: Path, the_probe: Probe, shim: Shim):
    """Left alone however it is spelled, and no evidence: the descriptor's own answer stays right after it."""
    words: list[object] = []
    for entry in FOLLOWING:
        for spelling in SPELLINGS:
            words += [entry.name, spelling, "fstat", "@"]
    env = shim(scope=honest_place if scope == "path" else None)
    output = the_probe.run(*removed(words, honest_place), env=env)
    wrong = [
        (call.name, spelling)
        for call, spelling in zip(output.calls[::2], SPELLINGS * len(FOLLOWING), strict=True)
        if call.nlink != 0
    ]
    assert wrong == []
    assert {call.nlink for call in output.calls[1::2]} == {0}


@pytest.mark.parametrize("folder_of_links", ["/proc/self/fd", "/dev/fd", "/proc/self", "/proc", "/dev", "/"])
def test_relative_names_of_an_unlinked_open_file(
    folder_of_links: str, honest_place: Path, the_probe: Probe, shim: Shim
):
    full = "/dev/fd/{fd}" if folder_of_links.startswith("/dev") else "/proc/self/fd/{fd}"
    relative = full.removeprefix(folder_of_links).lstrip("/")
    words: list[object] = ["chdir", folder_of_links]
    for entry in FOLLOWING:
        words += [entry.name, relative, "fstat", "@"]
    assert set(the_probe.run(*removed(words, honest_place), env=shim()).nlinks) == {0}


HELD_FILE = """
import ctypes, mmap, os, sys
sys.stdout.reconfigure(line_buffering=True)
held = os.open(sys.argv[1], os.O_RDONLY)
mapped = mmap.mmap(held, 0, prot=mmap.PROT_READ)
os.unlink(sys.argv[1])
link = next(link for link in os.listdir("/proc/self/map_files")
            if os.readlink(f"/proc/self/map_files/{link}").startswith(sys.argv[1]))
fd = str(held)
for folder, name in [("/proc", f"self/map_files/{link}"), ("/proc/self", f"map_files/{link}"),
                     ("/proc/self/map_files", link), ("/", f"{sys.argv[2]}/self/map_files/{link}"),
                     ("/", f"/dev/../proc/self/map_files/{link}"), ("/", f"/proc/self/map_files/{link}"),
                     ("/", f"{sys.argv[2]}/self/fd/{fd}"), ("/", f"{sys.argv[2]}/self/fd/./{fd}"),
                     ("/", f"{sys.argv[2]}/thread-self/fd//{fd}"),
                     ("/", f"{sys.argv[2]}/{os.getpid()}/fd/{fd}"),
                     (sys.argv[2], f"self/fd/{fd}"), (f"{sys.argv[2]}/self", f"fd/{fd}"),
                     (f"{sys.argv[2]}/self/fd", fd), (f"{sys.argv[2]}/self/map_files", link)]:
    os.chdir(folder)
    if os.stat(name).st_nlink:
        print(folder, name)
"""


def test_links_of_any_proc_to_an_unlinked_file(honest_place: Path, folder: Path, shim: Shim):
    """Files in map_files; a second mount of /proc, as monitoring containers have it."""
    require("root")
    (folder / "host/proc").mkdir(parents=True)
    with mounts.mounted("proc", folder / "host/proc", "proc") as proc:
        program = [sys.executable, "-c", HELD_FILE, str(honest_place / "readme.txt"), str(proc)]
        assert processes.run(program, env=shim()).stdout == ""


@pytest.mark.parametrize("call", ["stat", "lstat", "fstatat", "statx", "fstat"])
def test_a_bound_file_whose_source_was_unlinked(
    call: str, each_table: Probe, mount_gofuse, folder: Path, shim: Shim
):
    """A name that leads to a mount tells nothing of a link; the others do, in the same mount."""
    place = folder / "place"
    place.write_text("")
    with mount_gofuse(nlink="honest") as mount, mounts.bound(mount / "readme.txt", place):
        words = ["unlink", mount / "readme.txt", "repeat=20", call, place, "stat", mount / "movies"]
        words += ["sleep", "1.1", call, place]
        assert each_table.run(*words, env=shim()).nlinks == [0, 2, 0]


@pytest.mark.parametrize("nlink", ["0", "honest-folders"])
def test_a_bound_file_of_a_lying_mount(nlink: str, each_table: Probe, mount_gofuse, folder: Path, shim: Shim):
    """Beside one whose source was unlinked."""
    place, other = folder / "place", folder / "other"
    place.write_text("")
    other.write_text("")
    with (
        mount_gofuse(nlink=nlink) as mount,
        mounts.bound(mount / "readme.txt", other),
        mounts.bound(mount / "movies/poster.jpg", place),
    ):
        words = ["unlink", mount / "readme.txt", "stat", place, "stat", mount / "movies/film one.mkv"]
        assert each_table.run(*words, env=shim()).nlinks == [1, 1]


@pytest.mark.parametrize("start", ["working directory", "descriptor"])
def test_a_relative_name_is_judged_by_where_it_starts_now(
    start: str, the_probe: Probe, mount_gofuse, shim: Shim
):
    """What was found out about the folder before must not outlive a change of it."""
    with (
        mount_gofuse("lying", link=["self=readme.txt"]) as lying,
        mount_gofuse("honest", nlink="honest") as honest,
    ):
        fd = "{fd}"
        hold = removed([], honest.path)
        if start == "working directory":
            words = [*hold, "chdir", lying.path, "lstat", "self", "chdir", "/proc/self/fd", "stat", fd]
            assert the_probe.run(*words, env=shim()).nlinks == [1, 0]
        else:
            # The held file is 3; the folder is 4 each time.
            words = [*hold, "open", lying.path, "flags=0x100", "fstatat", "@/self", "close", "4"]
            words += ["open", "/proc/self/fd", "fstatat", "@/3"]
            assert the_probe.run(*words, env=shim()).nlinks == [1, 0]


@pytest.mark.parametrize("entry", shaped(BY_NAME), ids=str)
def test_dot_of_a_removed_folder(entry: EntryPoint, honest_place: Path, the_probe: Probe, shim: Shim):
    here = honest_place / "empty"
    names = [".", "./", "./."]
    words = removed(["chdir", here, "rmdir", here, *by_name(entry, *names), "fstat", "@"], honest_place)
    output = the_probe.run(*words, env=shim())
    assert {(call.returned, call.nlink) for call in output.calls} == {(0, 0)}


def test_many_by_name_zeros_are_no_evidence(the_probe: Probe, honest_place: Path, shim: Shim):
    words = ["repeat=2000", "stat", "/proc/self/fd/{fd}", "repeat=2000", "fstat", "@"]
    calls = the_probe.run(*removed(words, honest_place), env=shim()).calls
    assert [(call.nlink, call.same) for call in calls] == [(0, True), (0, True)]


def test_symlinks_between_fuse_and_disk(
    the_probe: Probe, lying_mount, links_target: Path, folder: Path, shim: Shim
):
    """What a link resolves to decides; lstat is judged by the link itself."""
    (folder / "to-lie").symlink_to(lying_mount / "movies")
    (folder / "to-lie-and-back").symlink_to(lying_mount / "to-disk")
    words = []
    for path in (lying_mount / "to-disk", folder / "to-lie", folder / "to-lie-and-back"):
        words += ["stat", path, "lstat", path, "flags=0x100", "fstatat", path, "statx", path]
    assert the_probe.run(*words, env=bare()).nlinks == [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1]
    assert the_probe.run(*words, env=shim()).nlinks == [1, 1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1]
    lines = [f"{folder}/to-lie-and-back", links_target]
    assert the_probe.run("stat", lines[0], env=shim()) == the_probe.run("stat", lines[1], env=bare())


def test_an_unlinked_file_of_the_disk_reached_past_the_lying_mount(
    the_probe, lying_mount, folder: Path, shim: Shim
):
    (folder / "file").write_text("")
    words = [
        "stat",
        lying_mount / "readme.txt",
        "open",
        folder / "file",
        "unlink",
        folder / "file",
        "fstat",
        "@",
    ]
    assert the_probe.run(*words, env=shim()).nlinks == [1, 0]


def test_bind_mounts_of_a_lying_mount(the_probe: Probe, lying_mount, folder: Path, shim: Shim):
    """Folder and file, by name and by descriptor; also where the bind hides the disk's entry."""
    place, file = folder / "bind", folder / "file"
    place.mkdir()
    file.write_text("of the disk")
    with mounts.bound(lying_mount / "movies", place), mounts.bound(lying_mount / "readme.txt", file):
        for path, count in ((place, 2), (place / "film one.mkv", 1), (file, 1)):
            assert the_probe.run("stat", path, "fstat", path, "statx", path, env=bare()).nlinks == [0, 0, 0]
            for name in ("stat", "fstat", "statx"):
                assert the_probe.run(name, path, env=shim()).nlinks == [count]
    assert the_probe.run("stat", file, env=shim()).nlinks == [1]


def test_bind_mount_of_an_ordinary_folder_into_a_lying_mount(
    the_probe, lying_mount, folder: Path, shim: Shim
):
    (folder / "disk").mkdir()
    (folder / "disk/file").write_text("x")
    with mounts.bound(folder / "disk", lying_mount / "empty") as place:
        words = ["stat", place / "file", "open", place / "file", "unlink", place / "file", "fstat", "@"]
        assert the_probe.run(*words, env=shim()).nlinks == [1, 0]

"""Which mount it is that a path leads to, and what is mounted below it."""

from __future__ import annotations

import subprocess

import pytest
from harness import mounts
from harness.capability import require
from harness.cli import nlinkshim


def test_nothing_is_mounted_there(verify, folder):
    code, found = verify(folder)
    assert (code, found["verdict"]) == (3, "other-cause")
    assert f"nothing is mounted at {folder}: it is a folder of {found['fstype']} at " in found["cause"]
    assert "retired" not in found["remedy"]


def test_it_was_unmounted(verify, mount_gofuse):
    with mount_gofuse("was here") as mount:
        mount.unmount()
        code, found = verify(mount.path)
    assert (code, found["verdict"]) == (3, "other-cause")
    assert f"nothing is mounted at {mount.path}" in found["cause"]


def test_a_folder_of_the_host_is_not_walked_to_say_so(verify, mount_gofuse, folder):
    """What is mounted below it is named all the same; what is below that is not its own."""
    for number in range(30):
        (folder / f"{number}").mkdir()
    (folder / "some/where").mkdir(parents=True)
    with mount_gofuse("some/where/one", nlink="honest") as one, mount_gofuse(one / "movies"):
        code, found = verify(folder)
        every = nlinkshim("verify", "--format", "json", "--no-one-file-system", folder).document["mounts"]
        walked = verify("--plain", folder)[1]
    assert (code, found["verdict"], found["entries"]) == (3, "other-cause", 1)
    assert found["mounts_below_paths"] == walked["mounts_below_paths"] == [str(one.path)]
    assert walked["entries"] > 30
    assert [mount["path"] for mount in every] == [str(folder), str(one.path), str(one / "movies")]


@pytest.mark.parametrize("fstype", ["tmpfs", "proc", "sysfs"])
def test_a_type_outside_the_scope_proves_nothing(verify, folder, fstype):
    require("root")
    with mounts.mounted("none", folder, fstype):
        code, found = verify(folder, "--max-entries", "50")
    assert (code, found["verdict"], found["fstype"]) == (3, "incomplete", fstype)
    assert "counts here prove nothing" in found["cause"]
    assert "retired" not in found["remedy"]


def test_an_overlay_proves_nothing_unless_the_scope_names_it(verify, folder):
    require("overlay")
    lower, upper, work, merged = (folder / name for name in ("lower", "upper", "work", "merged"))
    for path in (lower, upper, work, merged):
        path.mkdir()
    # an upper layer must not lie on an overlay itself
    with mounts.mounted("none", folder, "tmpfs"):
        for path in (lower, upper, work, merged):
            path.mkdir()
        data = f"lowerdir={lower},upperdir={upper},workdir={work}"
        with mounts.mounted("overlay", merged, "overlay", 0, data):
            outcomes = [verify(merged, *scope) for scope in ((), ("--scope", str(merged)))]
    assert [(code, found["verdict"]) for code, found in outcomes] == [(3, "incomplete"), (0, "not-needed")]


@pytest.mark.parametrize("part", [["empty"], ["", "--exclude", "*"]])
def test_a_part_of_a_mount_tells_nothing_of_the_rest(verify, mount_gofuse, part):
    """Its folders count links, its files do not: here no file was looked at."""
    with mount_gofuse("partly", nlink="honest-folders") as mount:
        code, found = verify(mount / part[0], *part[1:])
        whole = verify(mount.path)[1]
    assert (code, found["verdict"], whole["verdict"]) == (0, "not-needed", "needed")
    assert "can be retired" not in found["remedy"]
    assert f"from {mount.path} on" in found["remedy"]


def test_mounts_below_an_honest_mount_are_named_and_nothing_is_retired(verify, honest_mount, mount_gofuse):
    with mount_gofuse("outer", nlink="honest") as outer:
        inner = outer / "movies"
        with mount_gofuse(inner, name="inner"):
            code, found = verify(outer.path)
            every = nlinkshim("verify", "--format", "json", "--no-one-file-system", outer.path)
    assert (code, found["verdict"], found["lies"]) == (0, "not-needed", 0)
    assert found["mounts_below_paths"] == [str(inner)]
    assert "retired" not in found["remedy"]
    assert found["command"] == f"nlinkshim verify -- {inner}"
    assert every.code == 0
    assert [(m["path"], m["fstype"], m["verdict"]) for m in every.document["mounts"]] == [
        (str(outer.path), "fuse.lying", "not-needed"),
        (str(inner), "fuse.inner", "needed"),
    ]


def test_a_lying_mount_below_a_plain_folder_is_not_the_folders_lie(verify, mount_gofuse, folder):
    with mount_gofuse("one"), mount_gofuse("two;"):
        code, found = verify(folder)
    assert (code, found["verdict"], found["lies"], found["mounts_below"]) == (3, "other-cause", 0, 2)
    assert found["command"] == f"nlinkshim verify -- {folder}/one '{folder}/two;'"


@pytest.mark.parametrize("ailment", ["kill", "freeze"])
def test_a_mount_below_that_ails_is_not_asked(verify, mount_gofuse, ailment):
    """It would make the walk hang, or end, and the blame and the remedy fall on the mount above."""
    with mount_gofuse("outer", nlink="honest") as outer, mount_gofuse(outer / "movies") as inner:
        getattr(inner, ailment)()
        code, found = verify(outer.path, "--timeout", "3")
        if ailment == "freeze":
            inner.thaw()
    assert (code, found["verdict"], found["errors"]) == (0, "not-needed", 0)
    assert found["mounts_below_paths"] == [str(inner.path)]


def test_a_file_mounted_below_is_another_mounts_too(verify, mount_gofuse, lying_mount):
    """A bind mount of one lying file in an honest tree."""
    with mount_gofuse("outer", nlink="honest") as outer:
        target = outer / "readme.txt"
        source = next(path for path in lying_mount.path.iterdir() if path.is_file() and not path.is_symlink())
        target = next(path for path in outer.path.iterdir() if path.is_file() and not path.is_symlink())
        with mounts.bound(source, target):
            code, found = verify(outer.path)
    assert (code, found["verdict"], found["lies"]) == (0, "not-needed", 0)
    assert found["mounts_below_paths"] == [str(target)]


def test_a_bind_mount_of_the_same_file_system_is_walked(verify, mount_gofuse):
    with mount_gofuse() as mount:
        plain = verify(mount.path)[1]
        with mounts.bound(mount / "shows", mount / "movies"):
            code, found = verify(mount.path)
    assert (code, found["verdict"], found["mounts_below"]) == (0, "needed", 0)
    assert found["entries"] > plain["entries"]


def test_the_mount_on_top_counts(verify, mount_gofuse):
    """Three at one path: the type and the remedy are those of what one sees."""
    with mount_gofuse("here", name="oldest"), mount_gofuse("here", name="middle", nlink="honest"):
        with mount_gofuse("here", name="newest") as top:
            _, found = verify(top.path)
            assert (found["fstype"], found["verdict"]) == ("fuse.newest", "needed")
        _, found = verify(top.path)
    assert (found["fstype"], found["verdict"]) == ("fuse.middle", "not-needed")


NO_PROC = "umount -l /proc && exec {python} -m nlinkshim verify {path}"


def test_without_proc_one_line_says_so(lying_mount):
    require("root")
    import sys

    script = NO_PROC.format(python=sys.executable, path=lying_mount.path)
    process = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=30
    )
    assert process.returncode == 3
    assert process.stderr.count("\n") == 1
    assert "there is no /proc" in process.stderr
    assert process.stdout == ""


def test_the_run_is_in_the_report(lying_mount):
    outcome = nlinkshim("verify", "--format", "json", "--max-entries", "7", "--sample", "3", lying_mount.path)
    run, (mount,) = outcome.document["run"], outcome.document["mounts"]
    assert (run["max_entries"], run["sample"], run["scope"]) == (7, 3, None)
    assert run["shim"].endswith("libnlinkshim.so")
    assert (mount["scope"], mount["limited"], mount["exit_code"]) == ("fuse", True, 0)
    assert mount["mount_point"] == str(lying_mount.path)

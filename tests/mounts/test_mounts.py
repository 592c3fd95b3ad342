"""mountinfo, as the kernel writes it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlinkshim.mounts.table import mount_of, parse_mountinfo, read_mounts

pytestmark = pytest.mark.quick

TEXT = (
    b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    b"40 22 0:50 / /mnt/my\\040dfs rw,nosuid shared:7 master:2 - fuse.dfs dfs rw,user_id=0,allow_other\n"
    b"41 40 0:51 /sub /mnt/my\\040dfs/in rw - fuse x rw,user_id=1000,group_id=1000\n"
    b"42 22 0:52 / /mnt/\xff rw - tmpfs none rw\n"
    b"garbage\n"
    b"43 22 8:17 / /mnt/usb rw - fuseblk /dev/sdb1 rw,user_id=0,group_id=0,allow_other\n"
    b"44 22 0:53 / /sys/fs/fuse/connections rw - fusectl none rw\n"
)


def test_fields_and_escapes():
    mounts = parse_mountinfo(TEXT)
    dfs = mounts[1]
    assert (dfs.id, dfs.parent, dfs.device, dfs.path) == (40, 22, (0, 50), "/mnt/my dfs")
    assert dfs.optional == ("shared:7", "master:2")
    assert dfs.fstype == "fuse.dfs"
    assert "allow_other" in dfs.super_options
    assert [mount.is_fuse for mount in mounts] == [False, True, True, False, True, False]
    assert [mount.allow_other for mount in mounts] == [False, True, False, False, True, False]
    assert [mount.owner for mount in mounts] == [None, 0, 1000, None, 0, None]
    assert mounts[2].root == "/sub"
    assert mounts[3].path == "/mnt/\udcff"


def test_the_innermost_mount_holds_a_path():
    mounts = parse_mountinfo(TEXT)
    assert mount_of("/mnt/my dfs/in/x", mounts).id == 41
    assert mount_of("/mnt/my dfs/inner", mounts).id == 40
    assert mount_of("/mnt/my dfs", mounts).id == 40
    assert mount_of("/mnt/my dfs2", mounts).id == 22
    assert mount_of("/mnt/my dfs/in/x", mounts[::-1]).id == 41


def test_the_later_of_two_stacked_mounts_counts():
    stacked = TEXT + b"50 40 0:60 / /mnt/my\\040dfs rw - fuse y rw\n"
    assert mount_of("/mnt/my dfs/x", parse_mountinfo(stacked)).id == 50


def test_this_machines_own():
    assert any(mount.path == "/" for mount in read_mounts())


def line(mount_id: int, parent: int, path: bytes, fstype: bytes = b"fuse.x") -> bytes:
    return b"%d %d 0:%d / %s rw - %s src rw\n" % (mount_id, parent, mount_id, path, fstype)


ROOT = line(1, 0, b"/", b"ext4")


@pytest.mark.parametrize(
    "name",
    ["архив".encode(), b"\x85", b"\x1e", b"\x0b\x0c\x1c\x1d", b"\r", b"\x1b[0m", b"\xe2\x80\xa8", b"\xff"],
)
def test_a_line_ends_at_a_newline_alone(name):
    mounts = parse_mountinfo(ROOT + line(2, 1, b"/mnt/" + name) + line(3, 1, b"/mnt/z", b"fuse." + name))
    assert [mount.id for mount in mounts] == [1, 2, 3]
    assert os.fsencode(mounts[1].path) == b"/mnt/" + name
    assert mounts[2].fstype == "fuse." + os.fsdecode(name) and mounts[2].is_fuse
    assert mount_of(os.fsdecode(b"/mnt/" + name + b"/movies"), mounts) == mounts[1]


def test_the_types_of_fuse():
    types = [b"fuse", b"fuseblk", b"fuse.a", b"fuseblk.b", b"fusectl", b"fusex", b"ext4", b"overlay"]
    mounts = parse_mountinfo(b"".join(line(i + 2, 1, b"/%d" % i, each) for i, each in enumerate(types)))
    assert [mount.is_fuse for mount in mounts] == [True] * 4 + [False] * 4
    assert [mount.is_plain for mount in mounts] == [False] * 6 + [True, False]
    assert parse_mountinfo(line(1, 0, b"/", b"overlay"))[0].is_plain


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"x 1 0:1 / /m rw - fuse s rw",
        b"5 1 0:x / /m rw - fuse s rw",
        b"5 1 01 / /m rw - fuse s rw",
        b"5 1 0:1 / /m rw fuse s rw",
        b"5 1 0:1 / /m rw - fuse s",
        b"5 1 0:1 / /m - fuse s rw",
        b"\x00\xff",
        b"9" * 5000 + b" 1 0:1 / /m rw - fuse s rw",
    ],
)
def test_what_is_no_line_is_left_out(bad):
    assert [m.id for m in parse_mountinfo(ROOT + bad + b"\n" + line(2, 1, b"/\\777\\1"))] == [1, 2]


@given(st.binary())
def test_any_bytes(data):
    mounts = parse_mountinfo(ROOT + data + b"\n" + data.replace(b"\n", b" "))
    assert mount_of("/mnt", mounts) is not None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([b"/", b"/a", b"/a/b"]))))
def test_any_parents(shape):
    """A list that no kernel writes (mounts under themselves, ids twice) comes to an end too."""
    mount_of("/a/b/c", parse_mountinfo(b"".join(line(*each) for each in shape)))


def test_a_covered_mount_is_never_found():
    """Whatever the order: by the newer mount of a folder above, and by one on the same place."""
    below = line(2, 1, b"/srv/a") + line(3, 1, b"/srv") + line(4, 3, b"/srv/b") + line(5, 4, b"/srv/b")
    for data in (ROOT + below, below + ROOT, b"\n".join((ROOT + below).split(b"\n")[::-1])):
        mounts = parse_mountinfo(data)
        reached = {path: mount_of(path, mounts).id for path in ("/srv/a", "/srv", "/srv/b/x", "/srv/bb", "/")}
        assert reached == {"/srv/a": 3, "/srv": 3, "/srv/b/x": 5, "/srv/bb": 3, "/": 1}


def test_a_process_whose_root_is_no_mount():
    """After chroot into a folder the root's own mount is not listed."""
    mounts = parse_mountinfo(line(7, 1, b"/mnt/a") + line(8, 7, b"/mnt/a/b"))
    assert mount_of("/mnt/a/b/c", mounts).id == 8
    assert mount_of("/etc", mounts) is None

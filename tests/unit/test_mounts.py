"""mountinfo, as the kernel writes it."""

from nlinkshim.mounts import mount_of, parse_mountinfo, read_mounts

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

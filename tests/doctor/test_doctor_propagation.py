"""Propagation: what doctor says, against what a namespace that receives mounts really sees."""

from __future__ import annotations

from harness import mounts
from namespaces import MS_PRIVATE, MS_SHARED, consumer


def test_all_shared(doctor, place, mount_gofuse):
    here = place(MS_SHARED)
    with consumer() as sees, mount_gofuse(here / "dfs") as mount:
        _, found = doctor(mount.path)
        assert found["propagation-mount"]["level"] == found["propagation-parent"]["level"] == "PASS"
        assert str(here) in found["propagation-parent"]["subject"]
        assert sees(mount.path)


def test_a_shared_mount_under_a_private_parent(doctor, mend, place, mount_gofuse):
    here = place(MS_PRIVATE)
    with consumer() as sees, mount_gofuse(here / "dfs") as mount:
        mounts.mount("none", mount.path, None, MS_SHARED)
        code, found = doctor(mount.path)
        assert (code, found["propagation-mount"]["level"]) == (0, "PASS")
        assert found["propagation-parent"]["level"] == "WARN"
        assert "private" in found["propagation-parent"]["message"]
        assert not sees(mount.path)
        mend(found["propagation-parent"])
        assert doctor(mount.path)[1]["propagation-parent"]["level"] == "PASS"
    with consumer() as sees, mount_gofuse(here / "dfs") as mount:
        assert sees(mount.path)


def test_a_private_mount_under_a_shared_parent(doctor, mend, place, mount_gofuse):
    """The mount reached the consumer; what is mounted in it does not."""
    here = place(MS_SHARED)
    with consumer() as sees, mount_gofuse(here / "dfs") as mount:
        mounts.mount("none", mount.path, None, MS_PRIVATE)
        _, found = doctor(mount.path)
        assert found["propagation-parent"]["level"] == "PASS"
        assert found["propagation-mount"]["level"] == "WARN"
        assert sees(mount.path)
        with mounts.mounted("none", mount / "movies", "tmpfs") as inner:
            assert not sees(inner)
        mend(found["propagation-mount"])
        assert doctor(mount.path)[1]["propagation-mount"]["level"] == "PASS"
    with (
        consumer() as sees,
        mount_gofuse(here / "dfs") as mount,
        mounts.mounted("none", mount / "movies", "tmpfs") as inner,
    ):
        assert sees(inner)


def test_a_slave_receives(place):
    """As in a container: from mountinfo alone."""
    from nlinkshim.engines.doctor.context import Context
    from nlinkshim.engines.doctor.propagation import of_parent
    from nlinkshim.mounts.table import parse_mountinfo

    text = b"1 0 8:1 / / rw - overlay none rw\n2 1 8:1 /srv /srv rw master:7 - ext4 /dev/sda rw\n"
    text += b"3 2 0:50 / /srv/dfs rw master:9 - fuse.dfs dfs rw,user_id=0\n"
    context = Context("/srv/dfs", 1)
    mounts = parse_mountinfo(text)
    context.__dict__.update(mounts=mounts, real_path="/srv/dfs", mount=mounts[2])
    (answer,) = of_parent(context)
    assert answer.level.value == "PASS"
    assert "a slave (of peer group 7)" in answer.message and "HostToContainer" in answer.message

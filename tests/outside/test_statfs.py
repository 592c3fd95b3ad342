"""A server that does without statfs serves all the same; pyfuse3 answers ENOSYS unless it is written."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from harness.cli import nlinkshim
from hostiles import Tree

TREE = Tree(folders=2, files=20)
REFUSED = [errno.ENOSYS, errno.EIO, errno.EACCES, errno.EPERM, errno.EOPNOTSUPP]


def _name(error: int) -> str:
    return errno.errorcode[error]


def doctor(path: object) -> dict[str, dict[str, Any]]:
    outcome = nlinkshim("doctor", "--format", "json", path)
    assert outcome.out, outcome.err
    return {finding["id"]: finding for finding in outcome.document["findings"]}


@pytest.mark.parametrize("error", REFUSED, ids=_name)
def test_a_lying_mount_without_statfs(hostile, look, error: int):
    with hostile("nlink=0", statfs=error, tree=TREE) as mount:
        told = look(mount.path, text=False)
        found = doctor(mount.path)
    assert told.outcome == ("needed", 0)
    assert told.lies == (len(TREE), len(TREE), 0)
    alive = found["mount-alive"]
    assert alive["level"] == "WARN" and "free space" in alive["message"] and "statfs" in alive["remedy"]
    assert found["mount-access"]["level"] == "PASS"
    assert "it lies" in found["link-counts"]["message"]


@pytest.mark.parametrize("error", REFUSED, ids=_name)
def test_an_honest_mount_without_statfs(hostile, error: int):
    with hostile(statfs=error, tree=TREE) as mount:
        found = doctor(mount.path)
    assert found["mount-alive"]["level"] == "WARN"
    assert "it tells the truth" in found["link-counts"]["message"]


@pytest.mark.parametrize("error", [errno.ENOTCONN, errno.ECONNABORTED, errno.ESTALE], ids=_name)
def test_what_tells_of_a_dead_mount_still_does(hostile, error: int):
    with hostile("nlink=0", statfs=error, tree=TREE) as mount:
        found = doctor(mount.path)
    assert found["mount-alive"]["level"] == "FAIL"
    assert "link-counts" not in found


def test_refused_listings_are_refused_still(hostile):
    with hostile(f"root,readdir,errno={errno.EACCES}", statfs=errno.ENOSYS, tree=TREE) as mount:
        found = doctor(mount.path)
    assert found["mount-access"]["level"] == "FAIL"
    assert "mount-alive" not in found


@pytest.mark.parametrize("offsets", [1, 3])
def test_listings_without_end_do_not_hold_doctor_up(hostile, offsets: int):
    with hostile("nlink=0", offsets=offsets, tree=TREE) as mount:
        found = doctor(mount.path)
    assert found["mount-alive"]["level"] == "PASS"
    assert found["link-counts"]["level"] == "WARN" and "without end" in found["link-counts"]["message"]

"""verify where the listings are slow: go-fuse, as it comes, looks up every entry that it lists."""

from __future__ import annotations

import pytest

JOBS = 16
FOLDERS, FILES = 40, 25


@pytest.fixture
def crowd(folder):
    """The file in which the server keeps how many requests it delayed at once."""
    return folder / "crowd"


@pytest.fixture
def slow_mount(mount_gofuse, crowd):
    entries = FOLDERS * (FILES + 1)
    with mount_gofuse(
        slow_listings=True, latency="10ms", entries=entries, fanout=FILES, crowd=crowd
    ) as mount:
        yield mount


def test_slow_listings_bring_all_threads_allowed(verify, slow_mount, crowd):
    code, found = verify("--jobs", JOBS, slow_mount.path)
    assert (code, found["verdict"]) == (0, "needed")
    assert found["corrected"] == found["entries"] == 1 + FOLDERS * (FILES + 1)
    assert JOBS * 3 // 4 <= int(crowd.read_text()) <= JOBS


def test_one_job_is_one_request_at_a_time(verify, mount_gofuse, crowd):
    with mount_gofuse(slow_listings=True, latency="1ms", entries=100, fanout=FILES, crowd=crowd) as mount:
        code, found = verify("--jobs", 1, mount.path)
    assert (code, found["entries"], int(crowd.read_text())) == (0, 101, 1)


def test_slow_listings_end_at_the_limit(verify, slow_mount):
    code, found = verify("--jobs", JOBS, "--max-entries", FOLDERS + FILES, slow_mount.path)
    assert (code, found["limited"], found["entries"]) == (0, True, FOLDERS + FILES)
    assert found["corrected"] == found["lies"] == found["entries"]

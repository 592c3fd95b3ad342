"""What does not lie is untouched: every byte, the return value, errno."""

from __future__ import annotations

import os

import pytest
from harness import mounts
from harness.calls import by_descriptor, by_name, raw_answers, takes_descriptor
from harness.preload import Shim, bare
from harness.probe import Probe
from harness.table import BY_DESCRIPTOR, BY_NAME, WALKS, EntryPoint, shaped


@pytest.fixture(scope="session", params=["disk", "tmpfs", "honest FUSE"])
def honest_tree(request: pytest.FixtureRequest):
    """A folder on a file system that counts right, with `file`, `two-names`, `folder/inner` and symlinks."""
    if request.param == "honest FUSE":
        mount = request.getfixturevalue("honest_mount")
        yield mount.path, ["", "movies", "movies/film one.mkv", "to-movies", "dangling", "nothing-here"]
        return
    with mounts.temporary_folder() as tree:
        if request.param == "tmpfs":
            mounts.mount("tmpfs", tree, "tmpfs")
        (tree / "folder").mkdir()
        (tree / "folder/inner").write_text("inner")
        (tree / "file").write_text("file")
        (tree / "second-name").hardlink_to(tree / "file")
        (tree / "link").symlink_to("file")
        (tree / "dangling").symlink_to("nowhere")
        os.mkfifo(tree / "fifo")
        yield (
            tree,
            ["", "folder", "folder/inner", "file", "link", "dangling", "fifo", "nothing-here", "file/below"],
        )
        if request.param == "tmpfs":
            mounts.detach_top(tree)


@pytest.mark.parametrize("entry", shaped(BY_NAME), ids=str)
def test_by_name(entry: EntryPoint, each_probe: Probe, the_probe: Probe, honest_tree, shim: Shim):
    tree, names = honest_tree
    words = by_name(entry, *(tree / name for name in names))
    raw = raw_answers(each_probe, the_probe, words)
    assert any(call.returned == 0 for call in raw.calls)
    assert any(call.returned == -1 for call in raw.calls)
    assert each_probe.run(*words, env=shim()) == raw


@pytest.mark.parametrize("entry", [e for e in shaped(BY_NAME, BY_DESCRIPTOR) if takes_descriptor(e)], ids=str)
def test_by_descriptor(entry: EntryPoint, each_table: Probe, honest_tree, shim: Shim):
    tree, names = honest_tree
    words = by_descriptor(entry, *(tree / name for name in names[:4]))
    assert each_table.run(*words, env=shim()) == each_table.run(*words, env=bare())


@pytest.mark.parametrize("entry", shaped(WALKS), ids=str)
def test_walk(entry: EntryPoint, the_probe: Probe, honest_tree, shim: Shim):
    tree, _ = honest_tree
    raw = the_probe.run(entry.name, tree, env=bare())
    assert len(raw.steps) > 5
    assert the_probe.run(entry.name, tree, env=shim()) == raw


@pytest.mark.parametrize("entry", shaped(BY_NAME), ids=str)
def test_failures_by_name_on_the_lying_mount(entry: EntryPoint, the_probe: Probe, lying_mount, shim: Shim):
    """The caller's structure, errno and return value are those of the real call; bad pointers are left."""
    words = []
    for path in ("nothing-here", "readme.txt/below", "x" * 300):
        words += [entry.name, lying_mount / path]
    words += [entry.name, ""]
    if entry.shape in {"AT", "XAT", "STATX"}:
        words += ["null=1", entry.name, "x", "flags=0x40000000", entry.name, lying_mount / "movies"]
    raw = the_probe.run(*words, env=bare())
    assert {call.returned for call in raw.calls} == {-1}
    assert the_probe.run(*words, env=shim()) == raw


@pytest.mark.parametrize("entry", shaped(BY_DESCRIPTOR), ids=str)
def test_failures_by_descriptor(entry: EntryPoint, each_probe: Probe, the_probe: Probe, shim: Shim):
    words = [entry.name, "987654", entry.name, "-1"]
    raw = raw_answers(each_probe, the_probe, words)
    assert {(call.returned, call.errno) for call in raw.calls} == {(-1, 9)}
    assert each_probe.run(*words, env=shim()) == raw


@pytest.mark.parametrize("entry", shaped(BY_NAME, BY_DESCRIPTOR), ids=str)
def test_errno_of_a_corrected_call_is_kept(entry: EntryPoint, each_table: Probe, lying_mount, shim: Shim):
    """The shim's own system calls may fail; the caller must not see that. (The probe sets errno to 77.)"""
    call = each_table.run(entry.name, lying_mount / "readme.txt", env=shim()).call
    assert (call.returned, call.errno, call.nlink) == (0, 77, 1)

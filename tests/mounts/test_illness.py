"""One account of what ails a mount: every command and the generated container tell the same of it."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

import nlinkshim
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.mount import mount_access, mount_alive, path_mount
from nlinkshim.engines.verify.judge import Facts, Walk, judge
from nlinkshim.mounts import illness
from nlinkshim.mounts.illness import DEAD, Kind
from nlinkshim.mounts.look import Look, Step
from nlinkshim.mounts.table import Mount, parse_mountinfo

PATH = "/mnt/it's"
USER = os.geteuid()


def listed(fstype: str = "fuse.dfs", path: str = PATH, options: str = "allow_other") -> list[Mount]:
    super_options = f"rw,user_id={USER + 1},group_id=0,{options}"
    mount = f"30 21 0:40 / {path} rw - {fstype} dfs {super_options}\n"
    return parse_mountinfo(b"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + mount.encode())


KINDS = [
    (errno.ENOTCONN, Kind.DEAD),
    (errno.ECONNABORTED, Kind.DEAD),
    (errno.ESTALE, Kind.STALE),
    (errno.EACCES, Kind.REFUSED),
    (errno.EPERM, Kind.REFUSED),
    (errno.EIO, Kind.FAILING),
    (errno.ETIMEDOUT, Kind.FAILING),
]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("error", "kind"), KINDS)
def test_an_error_is_of_one_kind(error: int, kind: Kind, known: bool) -> None:
    mounts = listed()
    found = illness.of_error(error, mounts[1] if known else None, mounts, USER)
    assert found.kind is kind
    assert os.strerror(error) in found.cause
    assert (found.remedy.command is not None) == (known and error in DEAD)


def test_a_command_only_for_a_mount_that_is_known_and_with_its_name_quoted() -> None:
    mounts = listed()
    for found in (
        illness.of_error(errno.ENOTCONN, mounts[1], mounts, USER),
        illness.of_silence(5, "at /mnt", mounts[1], mounts),
    ):
        assert """'/mnt/it'"'"'s'""" in str(found.remedy.command)
    assert illness.of_silence(5, "at /mnt", None, mounts).remedy.command is None
    assert illness.of_folder("/mnt/it's", mounts[0]).remedy.command is None


@pytest.mark.parametrize("user", [0, USER + 2])
def test_the_kernel_keeps_all_but_the_owner_out(user: int) -> None:
    closed, owner = listed(options="x"), USER + 1
    assert illness.of_error(errno.EACCES, closed[1], closed, user).kind is Kind.CLOSED
    assert illness.of_error(errno.EACCES, closed[1], closed, owner).kind is Kind.REFUSED
    assert illness.of_error(errno.EACCES, *_of(listed("nfs")), user).kind is Kind.REFUSED


def _of(mounts: list[Mount]) -> tuple[Mount, list[Mount]]:
    return mounts[1], mounts


def seen(mounts: list[Mount], path: str, **steps: int) -> Context:
    """What doctor sees where the steps of its look end in these errors."""
    context = Context(path, 5)
    done = {name: Step(error, 0.0) for name, error in steps.items()}
    context.__dict__.update(mounts=mounts, look=Look(done, None if "list" in steps else "list"))
    return context


@pytest.mark.parametrize("error", [error for error, kind in KINDS if kind is not Kind.REFUSED])
@pytest.mark.parametrize("fstype", ["fuse.dfs", "nfs"])
def test_verify_and_doctor_say_the_same_of_an_error(error: int, fstype: str) -> None:
    mounts = listed(fstype)
    judged = judge(Walk(root_error=error), Facts(PATH, mounts[1], mounts, USER))
    (answer,) = mount_alive(seen(mounts, PATH, statfs=error, list=error))
    assert (judged.cause, judged.remedy, judged.command) == (answer.message, answer.remedy, answer.command)


@pytest.mark.parametrize("fstype", ["fuse.dfs", "nfs"])
def test_verify_and_doctor_say_the_same_of_silence(fstype: str) -> None:
    mounts = listed(fstype)
    judged = judge(Walk(hung_at=PATH), Facts(PATH, mounts[1], mounts, USER, timeout=5))
    (answer,) = mount_alive(seen(mounts, PATH, statfs=0))
    assert (judged.remedy, judged.command) == (answer.remedy, answer.command)
    assert str(judged.cause).replace(f"at {PATH}", "") == answer.message.replace("(list)", "")


def test_verify_and_doctor_say_the_same_of_a_mount_without_allow_other() -> None:
    mounts = listed(options="x")
    judged = judge(Walk(root_error=errno.EACCES), Facts(PATH, mounts[1], mounts, USER))
    (answer,) = mount_access(seen(mounts, PATH, statfs=0, list=errno.EACCES))
    assert (judged.cause, judged.remedy, judged.command) == (answer.message, answer.remedy, answer.command)


def test_verify_and_doctor_say_the_same_of_a_folder_where_a_mount_was_expected() -> None:
    mounts = listed()
    walk = Walk(entries=1, judged=1, root_real_path="/srv/dfs", root_path_is_literal=1)
    judged = judge(walk, Facts("/srv/dfs", mounts[0], mounts, USER))
    (answer,) = path_mount(seen(mounts, "/srv/dfs", list=0))
    assert judged.cause == answer.message
    assert str(judged.remedy).startswith(str(answer.remedy))


def test_the_entrypoint_uses_the_same_words() -> None:
    """A line of its log leads to the same chapter of the pages as a command's."""
    folder = Path(nlinkshim.__file__).parent / "engines/generate/templates/image"
    said = re.sub(r"\$\w+", "PATH", (folder / "entrypoint.j2").read_text())
    mounts = listed(options="x")
    absent = illness.of_folder("PATH", mounts[0]).cause.partition(":")[0]
    assert absent in said
    closed = illness.closed(mounts[1], 0).cause
    assert "allow_other" in closed and "without allow_other" in said

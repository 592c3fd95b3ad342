"""doctor on AppArmor and SELinux, by the files that they show and are set up with: the kernel here may have
neither. The profile is as Debian's, in the lines that matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlinkshim.engines.doctor import confinement
from nlinkshim.engines.doctor.apparmor import Profile, find_profile
from nlinkshim.engines.doctor.context import Context
from nlinkshim.engines.doctor.result import Answer
from nlinkshim.engines.status.result import Process, Survey

SHIM = "/usr/local/lib/libnlinkshim.so"
FILES = {
    "tunables/global": "include <tunables/kernel>\n@{multiarch}=*-linux-gnu*\n",
    "tunables/kernel": "@{PROC}=/proc/\n@{pid}={[1-9],[1-9][0-9]{,[0-9],[0-9][0-9]}}\n@{tid}=@{pid}\n",
    "abstractions/base": "  /{usr/,}lib{,32,64}/**.so*       mr,\n  /{usr/,}lib/@{multiarch}/**.so*   mr,\n",
    "usr.sbin.smbd": """
include <tunables/global>

profile smbd /usr/{bin,sbin}/smbd flags=(complain) {
  include <abstractions/base>
  capability setuid,
  signal send set=term peer=samba-bgqd,
  @{PROC}/@{pid}/mounts r,
  # @{PROC}/@{pid}/mountinfo r,
  @{NOBODY}/** rm,
  /etc/samba/* rwk,
  include if exists <local/usr.sbin.smbd>
}
""",
}
BARE = Process(1234, 1, "smbd", mapped=False)


@pytest.fixture
def host(tmp_path, monkeypatch) -> Path:
    """A host with the profile in its files, and nothing in force; smbd runs."""
    for name, text in FILES.items():
        file = tmp_path / "apparmor.d" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "apparmor.d/local").mkdir()
    (tmp_path / "proc/1234/attr").mkdir(parents=True)
    (tmp_path / "proc/1234/comm").write_text("smbd\n")
    monkeypatch.setattr(confinement, "APPARMOR", tmp_path / "apparmor.d")
    monkeypatch.setattr(confinement, "APPARMOR_LOADED", tmp_path / "profiles")
    monkeypatch.setattr(confinement, "PROC", tmp_path / "proc")
    monkeypatch.setattr(confinement, "SELINUX", tmp_path / "selinux")
    monkeypatch.setattr(confinement, "status", lambda name: Survey((BARE,)))
    return tmp_path


def apparmor() -> list[Answer]:
    return list(confinement.apparmor(Context(None, 5)))


def selinux() -> list[Answer]:
    return list(confinement.selinux(Context(None, 5)))


@pytest.mark.parametrize(
    ("told_by", "text", "level"),
    [
        ("profiles", "nmbd (enforce)\nsmbd (enforce)\n", "FAIL"),
        ("profiles", "smbd (complain)\n", "WARN"),
        ("profiles", "/usr/sbin/smbd (enforce)\n", "FAIL"),
        ("proc/1234/attr/current", "smbd (enforce)\n", "FAIL"),
        ("proc/1234/attr/current", "smbd (complain)\n\0", "WARN"),
    ],
)
def test_debians_profile(host, told_by, text, level, mend):
    (host / told_by).write_text(text)
    (ill,) = apparmor()
    assert ill.level.value == level
    assert "mountinfo r," in ill.message and f"{SHIM} mr," in ill.message
    command, parser = str(ill.command).split(" && ")
    assert parser == f"apparmor_parser -r {host}/apparmor.d/usr.sbin.smbd"
    mend({"command": command})
    assert len((host / "apparmor.d/local/usr.sbin.smbd").read_text().splitlines()) == 3
    (well,) = apparmor()
    assert well.level.value == "PASS"


@pytest.mark.parametrize(
    ("told_by", "text"),
    [
        ("profiles", "nmbd (enforce)\n"),
        ("proc/1234/attr/current", "unconfined\n"),
        ("proc/1234/attr/current", "docker-default (enforce)\n"),
        ("proc/1234/attr/current", "system_u:system_r:smbd_t:s0\n"),
    ],
)
def test_no_profile_in_force(host, told_by, text):
    (host / told_by).write_text(text)
    assert apparmor() == []


def test_a_profile_whose_text_is_not_here(host):
    (host / "profiles").write_text("smbd (enforce)\n")
    (host / "apparmor.d/usr.sbin.smbd").unlink()
    (answer,) = apparmor()
    assert (answer.level.value, "not known" in answer.message) == ("WARN", True)


def test_a_shim_where_the_profile_maps_libraries(host, monkeypatch):
    there = Process(7, 1, "smbd", mapped=True, shim_path="/usr/lib/libnlinkshim.so")
    monkeypatch.setattr(confinement, "status", lambda name: Survey((there,)))
    (host / "profiles").write_text("smbd (enforce)\n")
    (answer,) = apparmor()
    assert "mountinfo" in answer.message and "libnlinkshim" not in answer.message


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ("/usr/local/lib/*.so mr,", True),
        ("/usr/local/** mr,", True),
        ("/usr/{local,share}/lib/lib[a-n]*.so rm,", True),
        ("file,", True),
        ("/usr/local/** mr,\n  deny /usr/local/lib/** m,", False),
        ("/usr/local/** r,", False),
        ("/usr/local/*.so mr,", False),
        ("/usr/local/lib/?.so mr,", False),
        ('"/usr/local/lib/libnlinkshim.so" mr,', True),
        ("owner /usr/local/lib/libnlinkshim.so mr,", True),
    ],
)
def test_rules(host, rules, allowed):
    file = find_profile(host / "apparmor.d", "smbd", ())
    (host / "apparmor.d/local/usr.sbin.smbd").write_text(f"  {rules}\n")
    assert Profile(file, host / "apparmor.d").allows(SHIM, "m") == allowed


@pytest.mark.parametrize(
    ("enforce", "boolean", "level"),
    [("1", "0 0", "FAIL"), ("0", "0 0", "WARN"), ("1", "1 1", "PASS"), ("1", None, None)],
)
def test_selinux(host, enforce, boolean, level):
    (host / "selinux/booleans").mkdir(parents=True)
    (host / "selinux/enforce").write_text(enforce)
    if boolean is not None:
        (host / "selinux/booleans/samba_share_fusefs").write_text(boolean)
    answers = selinux()
    assert [answer.level.value for answer in answers] == ([level] if level else [])
    if level in ("FAIL", "WARN"):
        assert answers[0].command == "setsebool -P samba_share_fusefs on"


def test_neither_is_here(host):
    assert apparmor() == selinux() == []


@pytest.mark.parametrize("glob", ["/x/[z-a]", "/x/[]", "/x/[^]", "/x/{a,b", "/x/}}", "/x/\\\\", "@{loop}"])
def test_a_rule_that_is_none_grants_nothing(glob: str, tmp_path: Path):
    """Whatever stands in the file, the other rules count."""
    file = tmp_path / "usr.sbin.smbd"
    file.write_text(f"@{{loop}}=@{{loop}}/b\nprofile smbd {{\n  {glob} r,\n  /x/good r,\n}}\n")
    profile = Profile(file, tmp_path)
    assert not profile.allows("/x/z", "r")
    assert profile.allows("/x/good", "r")

"""What depends on the Samba in the image is written by its build, for each Samba."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest
from harness.releases import SUITES, Release, unpacked

from nlinkshim.engines.generate import inside
from nlinkshim.engines.generate.versions import OFFERS

# it complains of folders that the entrypoint makes
TESTPARM = "testparm --suppress-prompt /etc/samba/smb.conf"


def test_it_knows_every_setting(release: Callable[..., Release]) -> None:
    done = release().in_image(TESTPARM, check=False)
    assert "nknown parameter" not in done.stderr


@pytest.mark.parametrize(("version", "known"), [("4.17", False), ("4.22", True), ("4.24", True)])
def test_what_it_knows_is_set(version: str, known: bool, every_release) -> None:
    assert (
        "smb3 directory leases = No" in every_release(version).in_image(TESTPARM, check=False).stdout
    ) == known


def test_what_a_version_has_on_by_default_is_off(every_release) -> None:
    assert "smb3 unix extensions = No" in every_release("4.24").in_image(TESTPARM, check=False).stdout


def test_an_image_without_them_is_refused(every_release) -> None:
    file = inside.SAMBA_SETTINGS
    check = f"mv {file} /kept; entrypoint --check-image; code=$?; mv /kept {file}; exit $code"
    done = every_release("4.17").in_image(check, check=False)
    assert done.returncode == 2
    assert f"the image has no {file}" in done.stderr


def test_a_setting_that_this_samba_does_not_know_is_told(every_release) -> None:
    done = every_release("4.17").in_image("samba-settings")
    assert f"not for this Samba: {OFFERS[0].setting}" in done.stderr


ODD = "/usr/lib/x86_64-linux-gnu/samba/vfs/odd.so"


@pytest.mark.parametrize("version", list(SUITES))
def test_a_module_that_is_named_must_be_there(version: str, every_release) -> None:
    done = checked_with(every_release(version), "dirsort odd")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"Samba has no module odd, which its configuration names: there is no {ODD}" in done.stderr


@pytest.mark.parametrize(("version", "other"), [("4.17", "4.22"), ("4.22", "4.24"), ("4.24", "4.17")])
def test_a_module_of_another_samba_is_refused(version: str, other: str, every_release) -> None:
    release = every_release(version)
    module = release.layer / ODD[1:]
    module.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy((unpacked(other) / ODD[1:]).with_name("catia.so"), module)
    try:
        done = checked_with(release, "odd")
    finally:
        module.unlink()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"the module {ODD} does not fit the image's Samba: smbd: " in done.stderr


def test_wide_links_need_their_module(every_release) -> None:
    """smb.conf does not name it: smbd adds it."""
    place = ODD.replace("odd", "widelinks")
    check = f"mv {place} /kept; entrypoint --check-image; code=$?; mv /kept {place}; exit $code"
    done = every_release("4.22", wide_links=True).in_image(check, check=False)
    assert done.returncode == 2
    assert "Samba has no module widelinks" in done.stderr


def checked_with(release: Release, modules: str) -> subprocess.CompletedProcess[str]:
    """The check of the image, with these modules in the share."""
    config = "/etc/samba/smb.conf"
    edit = f"cp {config} /kept; sed -i '/^.dfs.$/a vfs objects = {modules}' {config}"
    check = f"{edit}; entrypoint --check-image; code=$?; mv /kept {config}; exit $code"
    return release.in_image(check, check=False)

"""What depends on the Samba in the image is written by its build, for each Samba."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness.releases import Release

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

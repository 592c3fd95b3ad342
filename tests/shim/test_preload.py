"""The environment in which the loader injects the shim."""

from pathlib import Path

import pytest

from nlinkshim import preload_environment, shim_path
from nlinkshim.errors import UsageError

pytestmark = pytest.mark.quick


def test_it_is_appended_and_never_replaces():
    shim = str(shim_path())
    assert preload_environment({})["LD_PRELOAD"] == shim
    assert preload_environment({"LD_PRELOAD": "a.so:b.so"})["LD_PRELOAD"] == f"a.so b.so {shim}"
    assert preload_environment({"LD_PRELOAD": f"{shim}:b.so"})["LD_PRELOAD"] == f"b.so {shim}"


def test_the_given_environment_is_not_changed():
    given = {"PATH": "/bin"}
    assert preload_environment(given, scope="off") == {
        "PATH": "/bin",
        "LD_PRELOAD": str(shim_path()),
        "NLINKSHIM_SCOPE": "off",
    }
    assert given == {"PATH": "/bin"}


@pytest.mark.parametrize("scope", ["fuse", "off", "/mnt/dfs", "/mnt/a:/mnt/b c"])
def test_scopes(scope):
    assert preload_environment({}, scope=scope)["NLINKSHIM_SCOPE"] == scope


@pytest.mark.parametrize("scope", ["", "Fuse", "mnt/dfs", "/mnt/a:", "/" + "a" * 4096, ":".join(["/a"] * 17)])
def test_scopes_that_are_none(scope):
    with pytest.raises(UsageError, match="scope"):
        preload_environment({}, scope=scope)


@pytest.mark.parametrize("path", ["/a b.so", "/a:b.so", "/$LIB/a.so"])
def test_paths_that_ld_preload_cannot_hold(path):
    with pytest.raises(UsageError, match="LD_PRELOAD"):
        preload_environment({}, shim=Path(path))

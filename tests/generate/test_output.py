"""The output folder: written whole or not at all, compared, and put right."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.cli import nlinkshim, one_clear_line
from harness.mounts import temporary_folder

import nlinkshim as package
from nlinkshim.engines.generate import inside
from nlinkshim.engines.generate.files import GENERATED
from nlinkshim.engines.generate.folder import HEAD
from nlinkshim.engines.generate.settings import Settings
from nlinkshim.errors import UsageError
from nlinkshim.guard import MOUNT_OPTION, NOBODY

pytestmark = pytest.mark.quick


@pytest.fixture
def out() -> Iterator[Path]:
    """A folder that holds what `generate compose` writes."""
    with temporary_folder() as folder:
        package.generate("compose", folder)
        yield folder


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes()) for path in paths}


def check(out: Path, *flags: str) -> list[str]:
    done = nlinkshim("generate", "compose", "--out", out, "--check", *flags)
    assert done.code == (1 if done.out else 0)
    return done.out.splitlines()


def test_what_was_written_is_no_difference(out: Path) -> None:
    assert check(out) == []


def test_the_folder_generates_itself(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command in each file's head, run in the folder, changes nothing, and its check finds nothing."""
    before = snapshot(out)
    monkeypatch.chdir(out)
    for last in ("--force", "--check"):
        done = nlinkshim("generate", "compose", "--config", "nlinkshim.toml", "--out", ".", last)
        assert done.code == 0, done.err + done.out
    assert snapshot(out) == before


def test_each_file_says_that_it_is_generated(out: Path) -> None:
    heads = {name: content.splitlines()[:HEAD] for name, (_, content) in snapshot(out).items()}
    assert [name for name, head in heads.items() if GENERATED.encode() not in b"".join(head)] == []


def test_the_mounter_and_the_package_agree(out: Path) -> None:
    """The script is no template: its defaults and its id map are its own, and the same as here."""
    text = (out / "image/mounter").read_text()
    settings = text.partition("\nsay() {")[0]
    (id_map,) = re.findall(r"^ *map=.*$", text, re.MULTILINE)
    (option,) = re.findall(r'"X-mount\.idmap=[^"]+"', text)
    shown = f'{settings}\n{id_map}\nprintf "%s\\n" "$secrets" "$nobody" {option}'
    done = subprocess.run(["/bin/sh", "-c", shown], env={}, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.splitlines()) == ("", [inside.SECRETS, str(NOBODY), MOUNT_OPTION])


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("compose.yaml", lambda path: path.write_text("services: {}\n"), "compose.yaml: differs"),
        ("image/smb.conf", Path.unlink, "image/smb.conf: missing"),
        ("image/entrypoint", lambda path: path.chmod(0o644), "image/entrypoint: has mode 644 instead of 755"),
    ],
)
def test_a_difference_is_named_and_mended(out: Path, name: str, harm: object, said: str) -> None:
    before = snapshot(out)
    assert callable(harm)
    harm(out / name)
    assert check(out) == [said]
    package.generate("compose", out, force=True)
    assert snapshot(out) == before


def test_what_differs_is_not_overwritten(out: Path) -> None:
    (out / "image/smb.conf").write_text("mine\n")
    before = snapshot(out)
    done = nlinkshim("generate", "compose", "--out", out, "--name", "other")
    assert done.code == 2
    assert one_clear_line(done)
    assert "--force" in done.err
    assert snapshot(out) == before


def test_what_is_missing_is_added_without_force(out: Path) -> None:
    (out / "compose.yaml").unlink()
    package.generate("compose", out)
    assert check(out) == []


def test_files_of_other_settings_are_left_behind_only_without_force(out: Path) -> None:
    mine = out / "kubernetes" / "mine.yaml"
    package.generate("kubernetes", out, force=True)
    mine.write_text("kind: ConfigMap\n")
    assert not (out / "compose.yaml").exists()
    settings = Settings.of({"consumer": "daemonset"})
    left = package.check_generated("kubernetes", out, settings=settings)
    assert "kubernetes/csi.yaml: left from an earlier run" in left
    package.generate("kubernetes", out, settings=settings, force=True)
    assert not (out / "kubernetes/csi.yaml").exists()
    assert mine.exists()


OWN = {"compose": "compose.override.yaml", "kubernetes": "overlay/kustomization.yaml"}


@pytest.mark.parametrize("target", OWN)
def test_what_is_the_users_is_begun_and_then_left_alone(target: str, folder: Path) -> None:
    own = folder / OWN[target]
    package.generate(target, folder)
    begun = own.read_text()
    own.write_text("mine: {}\n")
    beside = own.with_name("mine.yaml")
    beside.write_text("mine\n")
    assert package.check_generated(target, folder) == []
    assert OWN[target] not in package.generate(target, folder)
    changed = Settings.of({"shares": ["films"], "server_image": "dfs:1"})
    assert OWN[target] not in package.generate(target, folder, settings=changed, force=True)
    package.generate("container", folder, force=True)
    assert (own.read_text(), beside.read_text()) == ("mine: {}\n", "mine\n")
    own.unlink()
    package.generate(target, folder, force=True)
    assert own.read_text() == begun


def test_a_link_of_the_users_is_not_followed(folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    out = folder / "out"
    out.mkdir()
    (out / "compose.override.yaml").symlink_to(elsewhere)
    package.generate("compose", out, force=True)
    assert not elsewhere.exists()


def test_another_generated_folder_inside_is_left_alone(out: Path):
    package.generate("container", out / "inner")
    before = snapshot(out / "inner")
    assert check(out) == []
    package.generate("compose", out, force=True)
    assert snapshot(out / "inner") == before


def test_something_in_the_way_is_named(out: Path) -> None:
    (out / "compose.yaml").unlink()
    (out / "compose.yaml").mkdir()
    with pytest.raises(UsageError, match=r"compose\.yaml: something stands in the way"):
        package.generate("compose", out, force=True)
    with pytest.raises(UsageError, match="stands in the way"):
        package.generate("compose", out / "README.md" / "below")


def test_a_folder_that_cannot_be_written_is_exit_code_3(folder: Path) -> None:
    done = nlinkshim("generate", "container", "--out", "/proc/nlinkshim")
    assert done.code == 3
    assert one_clear_line(done)


def test_wheels_go_into_the_image_folder(folder: Path) -> None:
    wheel = folder / f"nlinkshim-{package.__version__}-cp310-abi3-linux_x86_64.whl"
    wheel.write_bytes(b"a wheel")
    out = folder / "out"
    done = nlinkshim("generate", "container", "--out", out, "--wheels", folder)
    assert done.code == 0, done.err
    assert (out / "image/wheels" / wheel.name).read_bytes() == b"a wheel"
    again = nlinkshim("generate", "container", "--out", out, "--config", out / "nlinkshim.toml", "--check")
    assert (again.code, again.out) == (0, "")

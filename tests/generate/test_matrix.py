"""What is generated satisfies the checkers of each format, in every combination of the settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from generate.matrix import combinations, distinct_files
from harness import mounts, samba
from harness.capability import require

from nlinkshim.engines.generate.files import GENERATED, SOURCES, render

BIN = Path(sys.executable).parent
SCRIPTS = {source.path for source in SOURCES if source.mode == 0o755}


@pytest.fixture(scope="module")
def written() -> Iterator[Path]:
    """Every distinct file, in a folder named after the combination that made it."""
    with mounts.temporary_folder("nlinkshim-matrix-") as folder:
        for (path, text), name in distinct_files().items():
            file = folder / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        yield folder


def clean(*command: object) -> None:
    """Run a checker; it must find nothing."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"[:3000]


def files(folder: Path, *names: str) -> list[Path]:
    found = [path for name in names for path in sorted(folder.glob(f"*/{name}"))]
    assert found, f"no combination wrote {names}"
    return found


def test_hadolint(written: Path) -> None:
    clean(BIN / "hadolint", "--failure-threshold", "style", *files(written, "image/Containerfile"))


def test_shellcheck(written: Path) -> None:
    require("shellcheck")
    clean("shellcheck", "--severity=style", *files(written, *sorted(SCRIPTS)))


def test_yamllint(written: Path) -> None:
    settings = "{extends: default, rules: {line-length: {max: 120}}}"
    names = ("*.yaml", "kubernetes/*.yaml", "overlay/*.yaml")
    clean(BIN / "yamllint", "--strict", "-d", settings, *files(written, *names))


def test_the_compose_schema(written: Path) -> None:
    checker = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    clean(*checker, *files(written, "compose.yaml", "compose.override.yaml"))


def test_compose_starts_nobody_on_an_empty_folder() -> None:
    """The consumer waits for the mount and its sentinel, the FUSE server for the folder to be closed."""
    done = {"condition": "service_completed_successfully"}
    for name, target, model in combinations():
        if target != "compose":
            continue
        (text,) = [
            file.content for path, file in render(target, model).items() if path.name == "compose.yaml"
        ]
        services = yaml.safe_load(text)["services"]
        given = model.settings
        assert services["consumer"]["depends_on"] == {"wait": done}, name
        assert services["wait"]["command"] == ["wait", given.mount_path, *filter(None, [given.sentinel])]
        if given.server_image:
            assert services["server"]["depends_on"] == {"clear": done}
            assert services["clear"]["command"] == ["clear", given.mount_path]


@pytest.mark.parametrize("name", ["image/smb.conf"])
def test_testparm(written: Path, name: str, folder: Path) -> None:
    require("smbd")
    for number, file in enumerate(files(written, name)):
        state = folder / str(number)
        for below in samba.STATE_FOLDERS:
            (state / below).mkdir(parents=True)
        config = state / "smb.conf"
        config.write_text(file.read_text().replace("/run/samba", str(state)))
        done = subprocess.run(
            ["testparm", "-s", str(config)], capture_output=True, text=True, check=False, timeout=30
        )
        complaints = [
            line
            for line in done.stderr.splitlines()
            if line
            and not line.startswith(
                (
                    "Load smb config files",
                    "Loaded services file OK",
                    "Weak crypto",
                    "Server role: ROLE_STANDALONE",
                )
            )
        ]
        assert (done.returncode, complaints) == (0, []), file


def test_every_file_says_what_made_it() -> None:
    for (path, text), name in distinct_files().items():
        assert GENERATED in "".join(text.splitlines()[:3]), f"{name}: {path}"


def test_the_same_settings_give_the_same_files() -> None:
    for name, target, model in combinations():
        assert render(target, model) == render(target, model), name


def test_each_line_of_the_table_is_used() -> None:
    assert {path for path, _ in distinct_files()} == {source.path for source in SOURCES} | {"nlinkshim.toml"}

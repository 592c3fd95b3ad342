"""Mount points with names that a line, a terminal or a shell might take apart."""

from __future__ import annotations

import re

import pytest
from harness import processes
from told import Told

NAMES = [
    "it's",
    "two  spaces",
    "semi; touch semi",
    "$(touch dollar)",
    "`touch tick`",
    "-l",
    "star*",
    'dou"ble',
    "back\\slash",
    "vt\x0bff\x0cfs\x1cgs\x1d",
    "nel\x85",
    "line\u2028separator",
    "\udc85 byte alone",
    "esc\x1b[2Jape",
    "new\nline",
    " (deleted)",
    "ünï¢ödé",
]
WORD = r"""(?:[^ \t\n'"\\();,]|\\.|\$?'(?:\\.|[^'])*'|"(?:\\.|[^"])*")+"""  # of a shell, quoted or not
COMMAND = re.compile(rf"(?:fusermount3?(?: -[uz])+|umount(?: -\w)*) (?:-- )?(?!-)({WORD})", re.DOTALL)


def _unmounted(told: Told, folder) -> list[str]:
    """What a shell would hand to the unmount commands of the remedy."""
    shell = [["bash", "-c", f"printf '%s\\0' {word}"] for word in COMMAND.findall(told.mount["command"])]
    return [processes.run(command, cwd=folder).stdout for command in shell]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_dead_mount_of_that_name(hostile, look, folder, name: str):
    """It is this mount that is named, and its remedy unmounts this one when pasted into a shell."""
    place = folder / "mounts" / name
    (folder / "shell").mkdir()
    with hostile("nlink=0", at=place) as mount:
        alive = look(place)
        mount.kill()
        told = look(place)
    assert alive.outcome == ("needed", 0)
    assert told.outcome == ("other-cause", 3)
    assert alive.mount["fstype"] == told.mount["fstype"] == "fuse.hostile"
    given = _unmounted(told, folder / "shell")
    assert given
    assert set(given) == {f"{place}\0"}
    assert not list((folder / "shell").iterdir())


@pytest.mark.parametrize("name", [name for name in NAMES if not name.isprintable()], ids=ascii)
def test_a_terminal_gets_no_control_characters(hostile, look, folder, name: str):
    with hostile("nlink=0", at=folder / name) as mount:
        told = look(mount.path, "--scope", "off")
    assert told.outcome == ("ineffective", 1)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028]", told.text)
    assert len({line for line in told.text.splitlines() if "fuse.hostile" in line}) == 1

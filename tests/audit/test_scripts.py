"""Scripts: what the audit says of a `#!` line is what happens when the kernel and the real env start it."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.programs import Image, compiled, library

from nlinkshim.engines.audit.audit import audit as audit_file

# What is preloaded tells each process that has it, and ends a row of them that has no end.
TELLING = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int telling;
__attribute__((constructor)) static void tell(void)
{
    char count[16];
    const char *before = getenv("STARTED");
    int started = before ? atoi(before) + 1 : 1;
    snprintf(count, sizeof count, "%d", started);
    setenv("STARTED", count, 1);
    if (started > 30)
        _exit(99);
}
"""
PROGRAM = """
#include <dlfcn.h>
#include <stdio.h>
int main(void)
{
    puts(dlsym(RTLD_DEFAULT, "telling") ? "preloaded" : "bare");
    return 0;
}
"""
DROPPED, BROKEN, LOOP = "preload-dropped", "script-broken", "script-loop"


@dataclass
class Scene:
    """A folder with a program `tell` and the scripts of a test."""

    folder: Path
    telling: Path

    def text(self, line: str) -> str:
        """A line with the folder, the program and the preload filled in."""
        words = {"@D": self.folder, "@P": self.folder / "tell", "@L": self.telling}
        for mark, path in words.items():
            line = line.replace(mark, str(path))
        return line

    def script(self, line: str, name: str = "script") -> Path:
        path = self.folder / name
        path.write_bytes(os.fsencode(self.text(line)))
        path.chmod(0o755)
        return path

    def happens(self, script: Path, limit: Callable[[], None] | None = None) -> str:
        """What is started in the end: it says whether it is preloaded; nothing if it says nothing."""
        environment = {
            "PATH": f"{self.folder}:/usr/bin:/bin",
            "LD_PRELOAD": str(self.telling),
            "TOLD": "tell",
        }
        try:
            done = processes.run([str(script)], env=environment, check=False, preexec_fn=limit)
        except OSError:
            return ""
        return done.stdout.strip()

    def said(self, script: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """The grave findings of the audit. It takes the library that tells for a shim, too."""
        monkeypatch.setenv("PATH", f"{self.folder}:/usr/bin:/bin")
        monkeypatch.setenv("TOLD", "tell")
        monkeypatch.delenv("STARTED", raising=False)
        result = audit_file(script)
        assert result.path == str(script)
        ids = {finding.id for finding in result.grave}
        assert (result.verdict.value == "reachable") == (not ids)
        return ids


@pytest.fixture(scope="module")
def telling(shop: Path) -> Path:
    require("cc")
    return library(shop / "telling.so", source=TELLING + "int nlinkshim_state;")


@pytest.fixture(scope="module")
def tell(shop: Path) -> Path:
    require("cc")
    return compiled(shop / "tell", source=PROGRAM)


@pytest.fixture
def scene(folder: Path, telling: Path, tell: Path) -> Scene:
    shutil.copy(tell, folder)
    (folder / "sub").mkdir()
    shutil.copy(folder / "tell", folder / "sub/tell-there")
    return Scene(folder, telling)


# (line, what is started says, what the audit says)
ENV = "#!/usr/bin/env "
LINES = [
    ("#!@P", "preloaded", set()),
    ("#! \t @P \t -x  \n", "preloaded", set()),
    ("#!@P -x", "preloaded", set()),
    (ENV + "tell\n", "preloaded", set()),
    (ENV + "  @P  \n", "preloaded", set()),
    (ENV + "-S tell -x\n", "preloaded", set()),
    (ENV + "-S A=1 B=2 tell\n", "preloaded", set()),
    (ENV + "-vS tell\n", "preloaded", set()),
    (ENV + "--split-string=tell -x\n", "preloaded", set()),
    (ENV + "--split=tell\n", "preloaded", set()),
    (ENV + "-S 'tell' \"a b\" # c\n", "preloaded", set()),
    (ENV + "-S \"te\"'ll'\n", "preloaded", set()),
    (ENV + "-Stell\\_-x\n", "preloaded", set()),
    (ENV + "-S tell \\c -i nothing\n", "preloaded", set()),
    (ENV + "-S t\\x65ll\n", "", {BROKEN}),
    (ENV + "-S ${TOLD}\n", "preloaded", set()),
    (ENV + "-S ${TOLD} $TOLD\n", "", {BROKEN}),
    (ENV + "-S '${TOLD}'\n", "", {BROKEN}),
    (ENV + "-S ${NOBODY_SET_THIS}tell\n", "preloaded", set()),
    (ENV + '-S "tell\n', "", {BROKEN}),
    (ENV + '-S tell "a\\cb"\n', "", {BROKEN}),
    (ENV + "-S tell\r\n", "preloaded", set()),
    (ENV + "tell\r\n", "", {BROKEN}),
    ("#!@P\r\n", "", {BROKEN}),
    (ENV + "-S -i @P\n", "bare", {DROPPED}),
    (ENV + "-S - @P\n", "bare", {DROPPED}),
    (ENV + "-iS @P\n", "bare", {DROPPED}),
    (ENV + "-S --ignore-environment @P\n", "bare", {DROPPED}),
    (ENV + "-S -i tell\n", "", {BROKEN}),  # no PATH is left
    (ENV + "-S -i PATH=@D tell\n", "bare", {DROPPED}),
    (ENV + "-S -i PATH=@D LD_PRELOAD=${LD_PRELOAD} tell\n", "preloaded", set()),
    (ENV + "-S -i LD_PRELOAD=@L @P\n", "preloaded", set()),
    (ENV + "-S LD_PRELOAD=/no/such:${LD_PRELOAD} tell\n", "preloaded", set()),
    (ENV + "-S LD_PRELOAD=/no/such${LD_PRELOAD} tell\n", "bare", {DROPPED}),
    (ENV + "-S LD_PRELOAD= tell\n", "bare", {DROPPED}),
    (ENV + "-S -u LD_PRELOAD tell\n", "bare", {DROPPED}),
    (ENV + "-S -uLD_PRELOAD tell\n", "bare", {DROPPED}),
    (ENV + "-S --unset=LD_PRELOAD tell\n", "bare", {DROPPED}),
    (ENV + "-S --unset LD_PRELOAD tell\n", "bare", {DROPPED}),
    (ENV + "-S -u OTHER -- tell\n", "preloaded", set()),
    (ENV + "-S -u A=B tell\n", "", {BROKEN}),
    (ENV + "-S -C @D/sub ./tell-there\n", "preloaded", set()),
    (ENV + "-S --chdir=@D -C sub ./tell\n", "", {"script-unknown"}),
    (ENV + "-S -C @D/none @P\n", "", {BROKEN}),
    (ENV + "-S -C @D/sub PATH=.:/bin tell-there\n", "preloaded", set()),
    (ENV + "-S /usr/bin/env -S -i @P\n", "bare", {DROPPED}),
    (ENV + "-S /usr/bin/env A=1 tell\n", "preloaded", set()),
    (ENV + "-S --block-signal=HUP --debug tell\n", "preloaded", set()),
    (ENV + "-S -0 tell\n", "", {BROKEN}),
    (ENV + "-S --help\n", "", {BROKEN}),
    (ENV + "-S --nothing tell\n", "", {BROKEN}),
    (ENV + "-S --i tell\n", "", {BROKEN}),
    (ENV + "-i tell\n", "", {BROKEN}),  # one argument
    (ENV + "tell -x\n", "", {BROKEN}),
    (ENV + "A=1 tell\n", "", {LOOP}),
    (ENV + "-u LD_PRELOAD tell\n", "", {LOOP}),
    (ENV + "-v\n", "", {LOOP}),
    (ENV.rstrip() + "\n", "", {LOOP}),
    (ENV + "-S @D/text\n", "preloaded", set()),  # by the shell
    ("#!@D/busy/env @P\n", "preloaded", set()),
    ("#!@D/busy/env -i\n", "", {LOOP}),
    ("#!@D/busy/env -S tell\n", "", {BROKEN}),
    (ENV + "-S @D/busy/env -i @P\n", "bare", {DROPPED}),
    (ENV + "-S @D/busy/env -u LD_PRELOAD @P\n", "bare", {DROPPED}),
    (ENV + "-S /bin/busybox env -i @P\n", "bare", {DROPPED}),
    (ENV + "-S @D/other/env -i @P\n", "preloaded", set()),  # another program of that name
    ("#!@D\n", "", {BROKEN}),
    ("#!@D/text\n", "", {"not-elf"}),
    ("#!@D/not-executable\n", "", {BROKEN}),
    (ENV + "@D/not-executable\n", "", {BROKEN}),
    ("#!/no/such/shell\n", "", {BROKEN}),
    ("#!@P" + " " * 300 + "-x\n", "preloaded", set()),
    ("#!" + "/." * 200 + "@P\n", "", {BROKEN}),
    ("#!/" + "./" * 110 + "@P -x", "", {BROKEN}),
    (ENV + "-S " + "A=1 " * 80 + "tell\n", "", {BROKEN}),  # the kernel cuts it
    (ENV + "-S tell " + "A=1 " * 80 + "\n", "preloaded", set()),
    ("#!@P\0 -i\n", "preloaded", set()),
]


def one_second() -> None:
    """Of the processor, for a row of programs that has no end and no preload to count."""
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))


@pytest.mark.parametrize(("line", "happens", "said"), LINES)
def test_the_audit_says_what_happens(scene, line, happens, said, monkeypatch):
    require("busybox")
    (scene.folder / "busy").mkdir()
    (scene.folder / "busy/env").symlink_to("/bin/busybox")
    (scene.folder / "other").mkdir()
    (scene.folder / "other/env").symlink_to(scene.folder / "tell")
    scene.script("echo preloaded\n", "text")
    scene.script("#!/bin/sh\n", "not-executable").chmod(0o644)
    script = scene.script(line)
    assert scene.said(script, monkeypatch) == said
    last = scene.happens(script, one_second).splitlines()[-1:]
    assert last == [happens] or (not happens and last not in (["preloaded"], ["bare"]))


@pytest.mark.parametrize(("scripts", "happens"), [(1, True), (5, True), (6, False)])
def test_scripts_that_run_scripts(scene, scripts, happens, monkeypatch):
    """As many as the kernel follows."""
    behind = scene.folder / "tell"
    for number in range(scripts):
        behind = scene.script(f"#!{behind}\n", f"script{number}")
    assert scene.happens(behind) == ("preloaded" if happens else "")
    assert scene.said(behind, monkeypatch) == (set() if happens else {BROKEN})


def test_env_begins_anew(scene, monkeypatch):
    """Scripts behind env are counted from there."""
    behind = scene.folder / "tell"
    for number in range(12):
        behind = scene.script(f"#!{'/usr/bin/env ' if number % 4 == 3 else ''}{behind}\n", f"script{number}")
    assert scene.happens(behind) == "preloaded"
    assert scene.said(behind, monkeypatch) == set()


@pytest.mark.parametrize("line", ["#!@P\r\n", ENV + "tell\r\n"])
def test_the_remedy_for_lines_of_windows(scene, line, monkeypatch):
    script = scene.script(line, "it's")
    (finding,) = audit_file(script).grave
    processes.run(["sh", "-c", str(finding.remedy)])
    assert scene.said(script, monkeypatch) == set()
    assert scene.happens(script) == "preloaded"


def test_in_an_image_a_variable_is_not_known(dynamic, image: Image, telling):
    image.copy("/usr/bin/env")
    image.copy(dynamic, "/usr/bin/tell")
    for line, said in {
        "-S ${TOLD}": {"script-unknown"},
        "-S PATH=${PATH}:/x tell": set(),
        "-S -i LD_PRELOAD=${LD_PRELOAD} tell": set(),
        "-S -u LD_PRELOAD tell": {DROPPED},
        "tell": set(),
    }.items():
        script = image / "/script"
        script.write_text(f"#!/usr/bin/env {line}\n")
        assert {finding.id for finding in audit_file("/script", root=image.top).grave} == said, line

"""Processes that lie, end or hang while they are looked at: each a problem, never a traceback or a hang."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from harness import processes
from harness.preload import Shim, bare
from seeing import is_asleep, see, state

from nlinkshim.elf.image import Image, MalformedError
from nlinkshim.elf.memory import Memory, parse_maps, read_small
from nlinkshim.engines.status import inspect as looking
from nlinkshim.engines.status.result import ENDED, Process, Survey
from nlinkshim.shim.state import LAYOUT, MAGIC, SYMBOL, StateError, parse_state, state_size

SOURCE = Path(__file__).with_name("hostile.c")
VALID = (
    f'.magic = "{MAGIC.decode()}", .layout = {LAYOUT}, .size = sizeof nlinkshim_state, '
    ".word_size = sizeof(long), "
)
DECLARED = """
struct {
    char magic[8]; unsigned layout, size; char version[32]; unsigned configured, kind, directory, word_size;
    unsigned long own[2], shared, last; char scope[4096];
} nlinkshim_state = {
"""

FAKES = {
    "garbage": ("char nlinkshim_state[5000] = {1, 2, 3};", "no state"),
    "too small": ("char nlinkshim_state[16] = " + f'"{MAGIC.decode()}";', "no state"),
    "a function": ("void nlinkshim_state(void) {}", "no state"),
    "another layout": (DECLARED + VALID + ".layout = 1, };", "layout 1"),
    "no version": (DECLARED + VALID + "};", "damaged"),
    "an endless version": (DECLARED + VALID + ".version = {[0 ... 31] = 'x'}, };", "damaged"),
    "escapes in the version": (DECLARED + VALID + r'.version = "\x1b[2J", };', "damaged"),
    "an endless scope": (
        DECLARED + VALID + """.version = "0.1.0", .scope = {[0 ... 4095] = '/'}, };""",
        "damaged",
    ),
    "words of another size": (
        DECLARED + VALID + '.version = "0.1.0", .word_size = 2, };',
        "damaged",
    ),
    "counters elsewhere": (
        DECLARED + VALID + '.version = "0.1.0", .scope = "fuse", .configured = 1, .shared = 0x1000, };',
        "not where it says",
    ),
    "never initialised": (
        DECLARED + VALID + '.version = "0.1.0", .scope = "fuse", };',
        "not been initialised",
    ),
}


@pytest.mark.parametrize("fake", FAKES)
def test_a_fake_state(fake: str, start, compile_c):
    source, said = FAKES[fake]
    library = compile_c(f"fake-{fake.replace(' ', '-')}.so", source, "-shared", "-fPIC", "-Wno-override-init")
    found = see(start({**bare(), "LD_PRELOAD": str(library)}))
    assert (found.mapped, found.effective) == (True, False)
    assert said in found.problem


def test_control_characters_do_not_reach_the_terminal(start, compile_c):
    from nlinkshim.engines.status.report import as_text

    source = DECLARED + VALID + r'.version = "0.1.0", .configured = 1, .scope = "/\x1b[2J\xff", };'
    found = see(start({**bare(), "LD_PRELOAD": str(compile_c("escaping.so", source, "-shared", "-fPIC"))}))
    assert found.scope == "/\x1b[2J\udcff"
    assert as_text(Survey((found,))).replace("\n", "").isprintable()


def test_a_problem_is_told_once_whoever_has_it():
    from nlinkshim.engines.status.report import as_text

    found = [Process(pid, 1, "smbd", True, problem="old" if pid % 10 else "new") for pid in range(11, 41)]
    *_, old, new = as_text(Survey(tuple(found))).splitlines()
    assert old == "11, 12, 13, 14, 15 and 22 more: old"
    assert new == "20, 30, 40: new"


def test_an_image_spoilt_in_memory(compile_c, shim: Shim):
    """One process, 1,500 different damages to headers, dynamic section and state: each look ends soon."""
    program = compile_c("hostile", SOURCE)
    process = subprocess.Popen(
        [program], env=shim(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    try:

        def spoilt(seed: int) -> Process:
            process.stdin.write(f"{seed}\n".encode())
            assert process.stdout.readline() == b"ready\n"
            begin = time.monotonic()
            found = see(process.pid)
            assert time.monotonic() - begin < 2, seed
            return found

        assert spoilt(0).effective
        results = [spoilt(seed) for seed in range(1, 1500)]
        assert len({found.problem for found in results}) > 5, "the damages do no damage"
        assert all(found.problem or found.effective for found in results)
        assert all(found.mapped for found in results), "a shim by its name is never called absent"
        assert spoilt(0).effective
    finally:
        process.kill()
        process.communicate()


def test_a_spoilt_file(shim: Shim):
    """The same reader on 3,000 mutations of the file."""
    content, rng = shim.path.read_bytes(), random.Random(1)  # noqa: S311
    for _ in range(3000):
        spoilt = bytearray(content[: rng.choice([len(content), rng.randrange(len(content))])])
        for _ in range(rng.randrange(1, 20)):
            if spoilt:
                spoilt[rng.randrange(min(len(spoilt), rng.choice([64, 1024, 1 << 20])))] = rng.choice(
                    [0, 0xFF, rng.randrange(256)]
                )
        looking.file_identity(bytes(spoilt))
        bound = len(spoilt)

        def read(address: int, size: int, spoilt: bytearray = spoilt, bound: int = bound) -> bytes:
            assert address >= 0 and address + size <= bound, "read outside its bounds"
            return bytes(spoilt[address : address + size])

        with contextlib.suppress(MalformedError):
            Image(read, 0, bound).find(SYMBOL)


def test_any_bytes_for_a_state():
    rng = random.Random(2)  # noqa: S311
    for _ in range(2000):
        data = MAGIC + (LAYOUT).to_bytes(4, "little") + rng.randbytes(rng.choice([0, 100, state_size(8)]))
        with contextlib.suppress(StateError):
            parse_state(data, 8, "<")


@pytest.mark.parametrize("name", ["libnlinkshim.so", "renamed.so"])
def test_it_ends_while_it_is_looked_at(name, start, folder, shim: Shim, monkeypatch):
    """Between the map and the memory: the worst moment."""
    copy = shutil.copy(shim.path, folder / name)
    pid = start({**bare(), "LD_PRELOAD": str(copy)})
    find = looking._shims

    def kill_first(memory, regions):
        os.kill(pid, signal.SIGKILL)
        processes.wait_until(lambda: state(pid) == "Z", 5, "its end")
        return find(memory, regions)

    monkeypatch.setattr(looking, "_shims", kill_first)
    found = see(pid)
    assert (found.mapped, found.effective, found.problem) == (None, False, ENDED)
    assert Survey((found,)).exit_code == 1, "there is no live one"
    assert Survey((found, Process(1, 0, "x", mapped=True, effective=True))).exit_code == 0


def test_it_is_gone_before_it_is_known(start, monkeypatch):
    pid = start(bare())
    identity = looking._identity

    def reap_first(folder):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return identity(folder)

    monkeypatch.setattr(looking, "_identity", reap_first)
    assert looking.look(pid, None, looking.Installed("0")) is None
    assert looking.given_up(pid, None, "why") == []


def test_it_starts_another_program_while_it_is_looked_at(start, folder, shim: Shim, monkeypatch):
    """The memory that was opened is gone; what is said is true of the new program."""
    gate = folder / "gate"
    os.mkfifo(gate)
    again = "[sys.executable, '-S', '-c', 'import time; time.sleep(60)']"
    code = "import os, sys; print('ready', flush=True); open(sys.argv[1]).close();"
    code += f"os.execv(sys.executable, {again})"
    copy = shutil.copy(shim.path, folder / "renamed.so")
    pid = start({**bare(), "LD_PRELOAD": str(copy)}, sys.executable, "-S", "-c", code, str(gate))
    find, calls = looking._shims, []

    def exec_first(memory, regions):
        if not calls:
            before = Path(f"/proc/{pid}/maps").read_text()
            gate.open("w").close()
            processes.wait_until(lambda: Path(f"/proc/{pid}/maps").read_text() != before, 5, "the exec")
            processes.wait_until(lambda: state(pid) == "S" and is_asleep(pid), 5, "its start")
        calls.append(1)
        return find(memory, regions)

    monkeypatch.setattr(looking, "_shims", exec_first)
    found = see(pid)
    assert len(calls) == 2
    assert (found.mapped, found.effective, found.problem) == (True, True, None)


LINKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    Dl_info info;
    struct link_map *map;
    void *state = dlsym(RTLD_DEFAULT, "nlinkshim_state");
    if (!state || !dladdr1(state, &info, (void **)&map, RTLD_DL_LINKMAP)) return 1;
    map->l_prev->l_next = LINKED;
    puts("ready"); fflush(stdout); sleep(60); _exit(0);
}
"""


@pytest.mark.parametrize(
    ("linked", "said"),
    [
        ("map->l_next", "not loaded as a library"),
        ("map->l_prev", "not loaded as a library"),
        ("(struct link_map *)16", "cannot be seen"),
        ("(struct link_map *)-16", "cannot be seen"),
    ],
)
def test_a_loader_list_that_lies(linked, said, start, compile_c, shim: Shim):
    """The shim left out of it, a ring, addresses that are none."""
    name = "links-" + linked.translate(str.maketrans("", "", "()*> "))
    found = see(start(shim(), str(compile_c(name, LINKS.replace("LINKED", linked)))))
    assert (found.mapped, found.effective) == (True, False)
    assert said in found.problem


def test_the_end_of_a_mapping():
    """Fewer bytes than asked for are no answer."""
    folder = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    memory = Memory(folder)
    regions = parse_maps(read_small("maps", folder))
    last = next(a for a, b in pairwise(regions) if a.readable and a.end != b.start)
    assert len(memory.read(last.end - 8, 8)) == 8
    with pytest.raises(MalformedError):
        memory.read(last.end - 8, 16)
    with pytest.raises(MalformedError):
        memory.read(2**64 - 4096, 8)
    memory.close()
    os.close(folder)


def test_a_storm_of_short_lives(status, shim: Shim, tmp_path):
    """Processes that come and go all the time: no look fails, and those that live are right."""
    program = tmp_path / f"true-{os.getpid()}"[:24]
    program.write_bytes(Path("/bin/true").read_bytes())
    program.chmod(0o755)
    storm = subprocess.Popen(
        ["sh", "-c", f'while :; do "{program}"; done'], env=shim(), start_new_session=True
    )
    try:
        for _ in range(15):
            code, found = status("--name", program.name[:15])
            assert code in (0, 1)
            assert all(process["effective"] or process["problem"] for process in found)
    finally:
        os.killpg(storm.pid, signal.SIGKILL)
        storm.wait()


def test_memory_that_does_not_answer(status, start, mount_scripted):
    """A mapping of a file whose FUSE daemon is stuck: given up in time, and said; others are looked at."""
    mapping = (
        "import mmap, os, sys, time; f = os.open(sys.argv[1], os.O_RDONLY);"
        "m = mmap.mmap(f, 0, prot=mmap.PROT_READ); print('ready', flush=True); time.sleep(60)"
    )
    with mount_scripted("lying", attr_timeout=60, entry_timeout=60) as mount:
        pid = start(bare(), sys.executable, "-S", "-c", mapping, str(mount / "folder/inner"))
        mount.freeze()
        begin = time.monotonic()
        code, (process,) = status("--pid", pid)
        assert 1.9 < time.monotonic() - begin < 6
        assert (code, process["mapped"], process["effective"]) == (3, None, False)
        assert "no answer for 2 s" in process["problem"]
        me = status("--pid", os.getpid())
        assert me[0] == 1 and me[1][0]["mapped"] is False
        mount.thaw()

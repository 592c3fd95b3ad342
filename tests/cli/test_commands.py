"""The command line itself, and the commands that need no mount."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from harness import processes
from harness.capability import require
from harness.cli import nlinkshim, one_clear_line

import nlinkshim as package
from nlinkshim.output.text import printable

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option):
    outcome = nlinkshim(option)
    assert (outcome.code, outcome.out) == (0, f"nlinkshim {package.__version__}\n")


def test_every_command_is_listed_and_has_help():
    from nlinkshim.commands import COMMANDS

    overview = nlinkshim("--help")
    assert overview.code == 0
    modules = {path.stem for path in Path(package.__file__).parent.glob("commands/[!_]*.py")}
    assert modules == set(COMMANDS)
    for name in COMMANDS:
        assert f"  {name} " in overview.out
        assert nlinkshim(name, "--help").code == 0


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nonsense"], "nonsense; nlinkshim help lists the commands"),
        (["verfy"], "did you mean verify?"),
        (["--formt"], "there is no option --formt"),
        (["verify"], "PATH; see nlinkshim verify --help"),
        (["verify", "/", "--fromat", "json"], "did you mean --format?"),
        (["verify", "/", "--fromat=json"], "did you mean --format?"),
        (["verify", "/", "--jobs", "abc"], "--jobs: invalid int value: 'abc'"),
        (["verify", "/", "--jobs"], "--jobs: expected one argument"),
        (["audit", "sh", "--format", "jsn"], "jsn"),
        (["path", "--nonsense"], "there is no option --nonsense"),
        (["path", "more"], "'more' is one argument too many"),
        (["run", "--scpoe", "off", "--", "true"], "did you mean --scope?"),
        (["generate", "compse", "--out", "x"], "compse"),
        (["generate", "compose", "--out", "x", "--mount-pth", "/m"], "did you mean --mount-path?"),
        (["status", "--pid", "1", "--name", "x"], "not allowed with"),
        (["help", "limts"], "did you mean limits.md?"),
        (["env", "--shim", "x.so"], "give an absolute path"),
        (["install"], "DEST"),
    ],
)
def test_wrong_usage_is_one_line(arguments, said):
    outcome = nlinkshim(*arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert one_clear_line(outcome)


def test_nothing_given_shows_the_commands():
    outcome = nlinkshim()
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == nlinkshim("--help").out


def test_a_misspelt_key_in_a_file(tmp_path):
    config = tmp_path / "nlinkshim.toml"
    config.write_text('mount_pth = "/mnt/x"\n')
    outcome = nlinkshim("generate", "compose", "--config", config, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "did you mean mount_path?" in outcome.err
    assert one_clear_line(outcome)


def test_path_and_env():
    shim = str(package.shim_path())
    assert nlinkshim("path").out == shim + "\n"
    plain = nlinkshim("env")
    assert (plain.code, plain.out) == (0, f"export LD_PRELOAD={shim}\n")
    lines = nlinkshim("env", "--scope", "/mnt/my dfs", env={"LD_PRELOAD": ""}).out.splitlines()
    assert lines == [f"export LD_PRELOAD={shim}", "export NLINKSHIM_SCOPE='/mnt/my dfs'"]
    systemd = nlinkshim("env", "--format", "systemd", "--scope", '/mnt/100%\\"').out.splitlines()
    assert systemd[0] == "[Service]"
    assert systemd[1:] == [
        f'Environment="LD_PRELOAD={shim}"',
        'Environment="NLINKSHIM_SCOPE=/mnt/100%%\\\\\\""',
    ]


def test_env_of_a_copy(tmp_path):
    copy = nlinkshim("install", tmp_path / "copy.so").out
    there = nlinkshim("env", "--shim", tmp_path / "copy.so")
    assert (there.out, there.err) == (f"export {copy}", "")
    elsewhere = nlinkshim("env", "--shim", tmp_path / "of-an-image.so")
    assert elsewhere.code == 0
    assert elsewhere.out.endswith("/of-an-image.so\n")
    assert "no such file here" in elsewhere.err


def test_the_command_takes_the_place_of_run():
    command = [sys.executable, "-m", "nlinkshim", "run", "--", "sh", "-c", "echo $$"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert int(process.stdout.read()) == process.pid


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e300"])
@pytest.mark.parametrize("command", [["doctor", "--timeout"], ["status", "--watch"]])
def test_seconds_that_nothing_can_wait(command, value):
    outcome = nlinkshim(*command, value)
    assert outcome.code == 2
    assert f"{command[1]} {float(value)!r}: give a number of seconds" in outcome.err
    assert one_clear_line(outcome)


def test_run_hands_on_the_environment_and_the_exit_code():
    shim = str(package.shim_path())
    outcome = nlinkshim("run", "--scope", "off", "--", "env", env={"LD_PRELOAD": "libm.so.6"})
    assert outcome.code == 0
    assert f"LD_PRELOAD=libm.so.6 {shim}\n" in outcome.out
    assert "NLINKSHIM_SCOPE=off\n" in outcome.out
    assert nlinkshim("run", "--", "sh", "-c", "exit 7").code == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["run"], "no command"), (["run", "--", "no-such-program"], "no such program")],
)
def test_run_refuses(arguments, said):
    outcome = nlinkshim(*arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert one_clear_line(outcome)


def test_run_refuses_what_no_preload_reaches(tmp_path):
    require("cc")
    source, program = tmp_path / "static.c", tmp_path / "static"
    source.write_text("int main(void) { return 0; }\n")
    processes.run(["gcc", "-static", "-o", str(program), str(source)])
    outcome = nlinkshim("run", "--", program)
    assert outcome.code == 1
    assert "statically linked" in outcome.err
    assert one_clear_line(outcome)


def test_install(tmp_path):
    shim = package.shim_path().read_bytes()
    target = tmp_path / "nlinkshim.so"
    target.write_text("what was there before")
    with target.open() as before:
        outcome = nlinkshim("install", target)
        assert before.read() == "what was there before", "a process that has it loaded would crash"
    assert (outcome.code, outcome.out) == (0, f"LD_PRELOAD={target}\n")
    assert target.read_bytes() == shim
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["nlinkshim.so"]
    into_folder = nlinkshim("install", tmp_path)
    assert into_folder.out == f"LD_PRELOAD={tmp_path}/libnlinkshim.so\n"


def test_a_path_that_is_not_utf8_comes_out_as_it_went_in(tmp_path):
    odd = tmp_path / "odd\udcff"
    odd.mkdir()
    outcome = nlinkshim("install", odd / "x.so", env={"PYTHONIOENCODING": "utf-8:strict"})
    assert (outcome.code, outcome.out) == (0, f"LD_PRELOAD={odd}/x.so\n")


def test_install_into_a_root_file_system(tmp_path):
    root = tmp_path / "root"
    (root / "usr/lib").mkdir(parents=True)
    (root / "lib").symlink_to("/usr/lib")
    outcome = nlinkshim("install", "--root", root, "/lib/nlinkshim.so")
    assert (outcome.code, outcome.out) == (0, "LD_PRELOAD=/lib/nlinkshim.so\n")
    assert (root / "usr/lib/nlinkshim.so").is_file()


def test_install_never_follows_a_link_out_of_the_root(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "opt").symlink_to("../../../../../../.." + str(outside))
    outcome = nlinkshim("install", "--root", root, "/opt/nlinkshim.so")
    assert outcome.code == 2
    assert one_clear_line(outcome)
    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    ("destination", "code", "said"),
    [
        ("relative.so", 2, "absolute"),
        ("/no/such/folder/x.so", 2, "does not exist"),
        ("/proc/x.so", 3, "nlinkshim: /proc/x.so: "),
    ],
)
def test_install_refuses(destination, code, said):
    outcome = nlinkshim("install", destination)
    assert outcome.code == code
    assert said in outcome.err
    assert one_clear_line(outcome)


def test_the_version_is_in_one_place():
    root = Path(__file__).parents[2]
    version = re.escape(package.__version__)
    found = [
        path.name
        for path in [*root.glob("*.toml"), *root.glob("nlinkshim/**/*.py"), *root.glob("csrc/**/*.[ch]")]
        if re.search(rf"[\"']{version}[\"']", path.read_text())
    ]
    assert found == ["_version.py"]


def test_text_for_a_terminal():
    assert printable("plain é") == "plain é"
    assert printable("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\xff"

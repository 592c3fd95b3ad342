"""Input that is not right: one clear line that names the key, exit code 2, and nothing written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import tomllib
from harness.cli import nlinkshim, one_clear_line
from hypothesis import given
from hypothesis import strategies as st

from nlinkshim.engines.generate.model import Model
from nlinkshim.engines.generate.settings import Settings, table
from nlinkshim.engines.generate.toml import as_toml, read_toml
from nlinkshim.errors import UsageError

pytestmark = pytest.mark.quick

REFUSED = {
    "shares": [
        "a]b", "a\nb", "a%b", "../a", "a/b", "", "global", "IPC$", "Homes", "a=../b", "a=/b", "a=b/", "a=",
        "a b", "a=b\nguest ok = yes", "ä", "-a", "a" * 81,
    ],
    "mount_path": [
        "mnt/dfs", "/", "/dfs", "/mnt/", "/mnt//dfs", "/mnt/../dfs", "/mnt/./dfs", "/mnt/my dfs",
        '/mnt/"dfs"', "/mnt/'dfs'", "/mnt/dfß", "/mnt/d\nfs", "/mnt/$(id)", "/mnt/%U",
        "/mnt/a:b", "/mnt/-rf", "",
    ],
    "sentinel": ["/a", "a/../b", "a b", "*", 'a"b', "a\\b", "-a"],
    "beside": ["", "a/b", "..", ".", "a b", "*", "-a", "a\nb"],
    "users": ["", "root", "Media", "media=0", "media=x", "media=65534", "a:b", "a=1=2", "a_b", "nobody"],
    "base": ["", "Debian", "debian:bookworm slim", "debian\nRUN id", "debian:", "-debian"],
    "server_command": ["", "a\nb", "\x1b[31m"],
    "node_selector": ["hostname", "a=b c", "=b"],
    "prefer_node": ["node1", "a=b c", "..=a"],
    "tolerations": [
        "", "a b", "=x", "key:Never", "key=a=b", "key:NoExecute:10", "a/b/c",
        "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready:NoExecute",
    ],
    "priority_class": ["High", "a_b", "-a", "a" * 254],
    "client_cidrs": ["192.168.1.1/24", "any", ""],
    "service_address": ["example.org", "1.2.3"],
    "registry": ["https://x", "a b", "/a"],
    "tag": ["a:b", "ä", "-a"],
    "name": ["A", "1a", "a_b", "-a", "a" * 41, ""],
    "namespace": ["A", "a/b"],
    "cpu_request": ["0", "1.5", "100 m"],
    "memory_limit": ["1G", "1", "lots"],
    "encryption": ["on", ""],
    "min_protocol": ["SMB1", "NT1"],
    "consumer": ["nfs"],
    "service": ["NodePort"],
    "client_path": ["/dfs", "mnt/smb/dfs"],
}  # fmt: skip


def rows() -> list[tuple[str, str]]:
    return [(key, value) for key, values in REFUSED.items() for value in values]


def given_as(key: str, value: object) -> dict[str, object]:
    default = next(field.default for field in table() if field.name == key)
    return {key: [value] if isinstance(default, tuple) else value}


@pytest.mark.parametrize(("key", "value"), rows())
def test_a_value_that_would_break_out_is_refused_by_its_key(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=rf"^{key}: ") as caught:
        Model.of(Settings.of(given_as(key, value)))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"shares": []}, "shares"),
        ({"shares": ["a", "A=."]}, "shares"),
        ({"users": ["a", "a=5"]}, "users"),
        ({"users": ["a=1001", "b"]}, "users"),
        ({"users": []}, "users"),
        ({"guest": True}, "guest"),
        ({"min_protocol": "SMB2_10"}, "min_protocol"),
        ({"rootless": True, "users": ["a", "b"]}, "rootless"),
        ({"rootless": True, "guest": True, "encryption": "off"}, "rootless"),
        ({"base": "registry.example/samba:4"}, "base_kind"),
        ({"mount_path": "/mnt/other", "client_path": "/srv/smb/dfs"}, "client_path"),
        ({"mount_path": "/srv/smb/dfs", "consumer": "daemonset"}, "client_path"),
        ({"mount_path": "/etc/dfs"}, "mount_path"),
        ({"mount_path": "/usr/dfs"}, "mount_path"),
        ({"mount_path": "/usr/local/lib/dfs"}, "mount_path"),
        ({"mount_path": "/run/dfs"}, "mount_path"),
        ({"mount_path": "/run/samba/mounts/dfs"}, "mount_path"),
        ({"mount_path": "/proc/1/dfs"}, "mount_path"),
        ({"mount_path": "/var/run/media/dfs"}, "mount_path"),
        ({"service_address": "192.168.1.2"}, "service_address"),
        ({"server_command": ["serve"]}, "server_command"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(keys: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=rf"^{named}: "):
        Model.of(Settings.of(keys))


@pytest.mark.parametrize("consumer", ["csi", "daemonset"])
@pytest.mark.parametrize("mount_path", ["/mnt/films", "/srv/fuse/real-debrid", "/home/me/.a/b"])
def test_the_path_of_a_mount_is_all_that_must_be_told(mount_path: str, consumer: str) -> None:
    model = Model.of(Settings.of({"mount_path": mount_path, "consumer": consumer}))
    assert model.client_path == f"/srv/smb/{mount_path.rpartition('/')[2]}"
    assert model.client_parent == "/srv/smb"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", True),
        ("port", "445"),
        ("guest", 1),
        ("users", "media"),
        ("users", [1]),
        ("tag", 1),
        ("port", 0),
        ("toleration_seconds", -1),
        ("toleration_seconds", "10"),
        ("startup_period", 0),
        ("readiness_period", 301),
        ("liveness_period", 0),
    ],
)
def test_the_wrong_type_is_refused(key: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"^{key}: "):
        Settings.of({key: value})


JUNK = {
    "unknown-key": b"mount_pfad = '/mnt/dfs'\n",
    "a-table": b"[users]\nmedia = 1000\n",
    "wrong-type": b"port = '445'\n",
    "no-toml": b"mount_path = /mnt/dfs\n",
    "not-utf-8": b"mount_path = '/mnt/\xff'\n",
    "nul": b"\0" * 100,
    "deep": b"shares = " + b"[" * 100_000 + b"]" * 100_000,
    "junk": b"\x9f junk = [\n" * 1_000_000,
    "long-junk": b"a = '" + b"x" * (10 << 20) + b"'\n",
    "newline-in-a-share": b'shares = ["a\\nguest ok = yes"]\n',
    "many-digits": b"port = " + b"1" * 5000 + b"\n",
    "a-huge-number": b"port = 0x" + b"f" * 100_000 + b"\n",
    "a-huge-number-in-a-list": b"port = [0x" + b"f" * 100_000 + b"]\n",
    "a-long-key-twice": (b"x" * 100_000 + b" = 1\n") * 2,
    "newline-in-wheels": b'wheels = "a\\nb"\n',
    "long-value": b"mount_path = '" + b"x" * 500_000 + b"'\n",
}


@pytest.mark.parametrize("name", JUNK)
def test_a_file_that_is_none_of_settings_writes_nothing(name: str, folder: Path) -> None:
    config = folder / "nlinkshim.toml"
    config.write_bytes(JUNK[name])
    out = folder / "out"
    done = nlinkshim("generate", "kubernetes", "--config", config, "--out", out, timeout=20)
    assert done.code == 2
    assert one_clear_line(done), done.err[:1000]
    assert len(done.err) < 400
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate"],
        ["generate", "container"],
        ["generate", "container", "--out", "x", "--config", "missing.toml"],
        ["generate", "container", "--out", "x", "--wheels", "missing"],
        ["generate", "container", "--out", "x", "--share-name", "a"],
        ["generate", "helm", "--out", "x"],
        ["generate", "container", "--out", "x", "--port", "many"],
    ],
)
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = nlinkshim(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert not (folder / "x").exists()


def test_a_folder_of_wheels_must_hold_ours(folder: Path) -> None:
    (folder / "jinja2-3.1.6-py3-none-any.whl").touch()
    done = nlinkshim("generate", "container", "--out", folder / "out", "--wheels", folder)
    assert done.code == 2
    assert "wheels: there is no wheel of nlinkshim" in done.err
    assert not (folder / "out").exists()


def test_the_printed_settings_are_the_defaults(folder: Path) -> None:
    done = nlinkshim("generate", "--print-config")
    assert done.code == 0
    config = folder / "printed.toml"
    config.write_text(done.out)
    assert Settings.of(read_toml(config)) == Settings()
    assert list(tomllib.loads(done.out)) == [field.name for field in table()]


@given(st.data())
def test_settings_come_back_from_their_file(data: st.DataObject) -> None:
    """Whatever a valid text holds, TOML gives it back: quotes, backslashes, any letter."""
    words = st.text(min_size=1).filter(str.isprintable)
    settings = Settings.of({"server_command": data.draw(st.lists(words, max_size=3)), "writable": True})
    values = {
        key: tuple(v) if isinstance(v, list) else v
        for key, v in tomllib.loads(as_toml(settings, "x")).items()
    }
    assert values == dataclasses.asdict(settings)


def test_a_flag_goes_before_the_file(folder: Path) -> None:
    config = folder / "nlinkshim.toml"
    config.write_text('name = "films"\nport = 4450\nshares = ["films"]\nguest = true\nencryption = "off"\n')
    flags = ["--port", 4451, "--shares", "a", "--shares", "b=.", "--no-guest"]
    done = nlinkshim("generate", "--print-config", "--config", config, *flags)
    values = tomllib.loads(done.out)
    assert (values["name"], values["port"], values["guest"]) == ("films", 4451, False)
    assert values["shares"] == ["a", "b=."]

"""What verify says of other lies, and the rule about names, against what else tells it."""

from __future__ import annotations

import json
from importlib import resources

from hypothesis import example, given
from hypothesis import strategies as st

from nlinkshim._walker import lib
from nlinkshim.commands import verify
from nlinkshim.engines.verify.notes import KINDS
from nlinkshim.smb_names import CATIA_MAPPINGS


def test_the_table_has_a_row_for_each_number_of_the_walker():
    assert sorted(kind.number for kind in KINDS) == list(range(lib.WALK_NOTES))
    names = {
        name.removeprefix("NOTE_").lower().replace("_", "-"): getattr(lib, name)
        for name in dir(lib)
        if name.startswith("NOTE_")
    }
    assert {kind.id: kind.number for kind in KINDS} == names


def test_the_schema_and_the_help_have_the_same_ids():
    schema = json.loads(resources.files("nlinkshim").joinpath("output/schema/verify-1.json").read_text())
    mount = schema["properties"]["mounts"]["items"]["properties"]
    assert mount["notes"]["items"]["properties"]["id"]["enum"] == [kind.id for kind in KINDS]
    assert all(f"  {kind.id} " in verify.DESCRIPTION for kind in KINDS)


def test_one_line_each():
    for kind in KINDS:
        for text in (kind.what, kind.harms, *kind.fixes.values()):
            assert len(text) <= 72 and text.isprintable(), text


MAPPED = [[int(code, 16) for code in row.split(":")] for row in CATIA_MAPPINGS.split(",")]
SENT = {chr(sent) for here, sent in MAPPED if here != sent}
RESERVED = {chr(here) for here, sent in MAPPED if here != sent} - set(" .")


def _expected(name: bytes) -> int:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return lib.NAME_NOT_UTF8
    if set(text) & (RESERVED | SENT) or text.endswith((" ", ".")):
        return lib.NAME_RESERVED
    return 0


bits = st.sampled_from(
    [b"a", b".", b" ", b":", b"\x1f", b"\x7f", b"\xc3", b"\xa9", b"\xed\xa0\x80", b"\xef\x80\xaa"]
)


@given(
    st.binary(max_size=12)
    | st.lists(bits, max_size=6).map(b"".join)
    | st.text(max_size=8).map(lambda text: text.encode(errors="surrogatepass"))
)
@example(b"\xf4\x90\x80\x80")
@example(b"\xf4\x8f\xbf\xbf")
@example(b"\xf0\x8f\xbf\xbf")
@example(b"\xe0\x9f\xbf")
@example(b"\xc1\xbf")
@example(b"cut \xe2\x82")
@example("\uf001\uf029".encode())
@example("\uf000\uf02a".encode())
def test_the_rule_about_names(name: bytes):
    """As Python decodes, and as the mappings of generate say."""
    name = name.replace(b"\0", b"")
    found = lib.walk_smb_name(name)
    expected = _expected(name)
    if expected == lib.NAME_NOT_UTF8:
        assert found & lib.NAME_NOT_UTF8
    else:
        assert found == expected


def test_each_character_of_the_rule():
    for code in [*range(1, 0x80), *range(0xF000, 0xF030)]:
        assert lib.walk_smb_name(f"a{chr(code)}b".encode()) == _expected(f"a{chr(code)}b".encode()), hex(code)

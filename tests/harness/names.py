"""Names that a folder of a POSIX system may hold, generated, and how clients of a share see them."""

from __future__ import annotations

BYTES = [chr(code) for code in range(1, 128) if chr(code) != "/"]
UNICODE = [
    *(
        "été",
        "e\u0301te\u0301",
        "ß",
        "İstanbul",
        "ﬁlm",
        "Ångström",
        "A\u030angstro\u0308m",
        "ñandú",
        "Ж",
        "Ωmega",
    ),
    *("日本語", "한국어", "\u1112\u1161\u11ab", "简体", "عربى", "עברית", "ไทย", "हिन्दी", "ქართული", "አማርኛ"),
    *(
        "🎬 film",
        "👩\u200d🚀",
        "🇩🇪",
        "𝄞 clef",
        "𠜎",
        "\u00a0nbsp",
        "soft\u00adhyphen",
        "\u202eright",
        "a\ufffd",
        "\U0010ffff",
    ),
]
# the borders of UTF-8's forms; U+FFFF is none that catia bears
BORDERS = [f"at {chr(code)}" for code in (0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFE, 0x10000, 0x10FFFF)]
LONGEST = [":" * 255, ("?." * 128)[:254] + ".", ". " * 127, "é" * 127 + ":", "🎬" * 63 + "a?b"]
FILMS = [
    'Mission: Impossible - "Fallout"',
    "What? <really> | *yes*",
    "E.T.",
    "Wait... ",
    "...",
    " ",
    "A\\B: C.",
]
NAMES = list(
    dict.fromkeys(
        [name for c in BYTES for name in (f"{c}z", f"a{c}z", f"a{c}")] + UNICODE + BORDERS + LONGEST + FILMS
    )
)
# not UTF-8: Latin-1, no first byte, cut short, a surrogate, too long a form, beyond Unicode
FOREIGN = [
    data.decode(errors="surrogateescape")
    for data in (
        b"caf\xe9",
        b"\xff",
        b"\x80",
        b"cut\xc3",
        b"cut\xe2\x82",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf4\x90\x80\x80",
    )
]
# Services for Macintosh' places for what SMB reserves
_PLACES = {code: 0xF000 + code for code in range(1, 32)} | {
    ord(reserved): 0xF020 + place for place, reserved in enumerate('"*:<>?\\|')
}


def on_the_wire(name: str) -> str:
    """As SMB carries it."""
    return name.translate(_PLACES)


def seen(name: str) -> str:
    """As the kernel's client shows it: a backslash separates folders there."""
    return name.replace("\\", on_the_wire("\\"))

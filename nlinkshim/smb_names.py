"""Which names of a POSIX tree cross SMB to the kernel's client, and what it sends for reserved characters.

The one account of this: smb.conf and the entrypoint that `generate` writes, and `doctor`, take it from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Services for Macintosh' table, as in fs/smb/client/cifs_unicode.h of Linux (SFM_*): a byte of a name on the
# server, and the code point on the wire.
_RESERVED = {code: 0xF000 + code for code in range(1, 0x20)} | {
    ord('"'): 0xF020,
    ord("*"): 0xF021,
    ord(":"): 0xF022,
    ord("<"): 0xF023,
    ord(">"): 0xF024,
    ord("?"): 0xF025,
    ord("\\"): 0xF026,
    ord("|"): 0xF027,
}
# What it sends so at the end of a name alone, and takes as it is. smbd's catia knows no end of a name; but a
# row sets both directions, so that a second one for the same byte takes back how it leaves the server alone.
_AT_THE_END = {ord(" "): 0xF028, ord("."): 0xF029}
_ROWS = [
    *_RESERVED.items(),
    *(row for code, sent in _AT_THE_END.items() for row in ((code, sent), (code, code))),
]
CATIA_MAPPINGS = ",".join(f"0x{here:02x}:0x{sent:02x}" for here, sent in _ROWS)

# Extended regular expressions of bytes, for grep once printf has read their escapes, and for re as they are:
# the characters of UTF-8; those that SMB reserves; what catia takes for them; and U+FFFF, for which its table
# is one too short.
UTF8 = (
    r"([\001-\177]|[\302-\337][\200-\277]|\340[\240-\277][\200-\277]|[\341-\354\356\357][\200-\277]{2}"
    r"|\355[\200-\237][\200-\277]|\360[\220-\277][\200-\277]{2}|[\361-\363][\200-\277]{3}"
    r"|\364[\200-\217][\200-\277]{2})*"
)
RESERVED = r'[\001-\037:?"*<>|\\]'
STANDING = r"\357\200[\201-\251]"
LAST = r"\357\277\277"


@dataclass(frozen=True)
class Rule:
    """What does not cross, or not as it is: names that match, or, `inverted`, that do not match as a whole.

    `what` completes "some names ..."."""

    what: str
    pattern: str
    inverted: bool = False

    def holds(self, name: bytes) -> bool:
        expression = self.pattern.encode()
        if self.inverted:
            return re.fullmatch(expression, name) is None
        return re.search(expression, name) is not None


FOREIGN = Rule("are not UTF-8 and are not listed", UTF8, inverted=True)
BEYOND_CATIA = Rule("hold U+FFFF", LAST)
# with catia
BACKSLASH = Rule("hold a backslash, for which clients see U+F026; they open under that name", r"[\\]")
TAKEN = Rule("hold one of U+F001 to U+F029, which stand for reserved characters; they do not open", STANDING)
# without it
UNOPENED = Rule(
    "hold a reserved character, or end in a dot or a space; they are listed, but do not open",
    RESERVED + r"|[. ]$",
)
# Symbolic links, as NAME//TARGET: smbd resolves them, and takes both for such as a client sends.
LINK_NAMES = rf"^[^/]*({RESERVED}|[. ]//)"
LINK_TARGETS = r'//.*[:?"*<>]'  # from Samba 4.22 on
LINKS = (
    "have a reserved character in their name, or in their target (Samba 4.22 and later); they do not open"
    " without wide_links"
)
CLOSED_LINK = Rule(LINKS, f"{LINK_NAMES}|{LINK_TARGETS}")

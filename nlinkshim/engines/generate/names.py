"""The characters that SMB reserves, and what the kernel's client sends in their place."""

from __future__ import annotations

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

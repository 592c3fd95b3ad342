"""The characters that SMB reserves, and what the kernel's client sends in their place."""

from __future__ import annotations

# Services for Macintosh' table, as in fs/smb/client/cifs_unicode.h of Linux (SFM_*): a byte of a name on the
# server, and the code point on the wire. The dot and the space at a name's end have one too; but smbd's catia
# knows no end, and would turn them everywhere.
_SFM = {code: 0xF000 + code for code in range(1, 0x20)} | {
    ord('"'): 0xF020,
    ord("*"): 0xF021,
    ord(":"): 0xF022,
    ord("<"): 0xF023,
    ord(">"): 0xF024,
    ord("?"): 0xF025,
    ord("\\"): 0xF026,
    ord("|"): 0xF027,
}
CATIA_MAPPINGS = ",".join(f"0x{byte:02x}:0x{sent:04x}" for byte, sent in _SFM.items())

"""Where Samba's programs are: in PATH, or where distributions and Samba's own build put them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/samba/sbin", "/opt/samba/sbin")


def program(name: str = "smbd") -> Path | None:
    """Where it is; None: it is not here."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))
    return Path(found) if found else None

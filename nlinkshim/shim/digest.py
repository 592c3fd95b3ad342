"""Whether a shim is the very file of a release, whose wheels tell its SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nlinkshim.errors import NotLoadedError

SUFFIX = ".sha256"  # wheels/build has it written beside the shim


def sha256_of(shim: Path) -> str:
    """In hexadecimal.

    Raises:
        NotLoadedError: it cannot be read.
    """
    try:
        return hashlib.sha256(shim.read_bytes()).hexdigest()
    except OSError as error:
        raise NotLoadedError(f"{shim}: {error.strerror}") from error


def origin_of(shim: Path) -> str:
    """'release', or 'built from source' where its wheel names no SHA-256.

    Raises:
        NotLoadedError: it is another file than its wheel's, or cannot be read.
    """
    try:
        wanted = Path(f"{shim}{SUFFIX}").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "built from source"
    except (OSError, UnicodeDecodeError) as error:
        raise NotLoadedError(f"{shim}{SUFFIX} cannot be read: {error}") from error
    if sha256_of(shim) != wanted:
        raise NotLoadedError(
            f"{shim} is not the file that its wheel had (SHA-256 {wanted}); reinstall nlinkshim"
        )
    return "release"

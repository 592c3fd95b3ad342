"""The exported object `nlinkshim_state`, decoded. The structure is that of csrc/shim/state.h."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

SYMBOL = b"nlinkshim_state"
MAGIC = b"nlnkshim"
LAYOUT = 1
SCOPE_OFF = 2

_VERSION_BYTES = 32
_SCOPE_BYTES = 4096
_HEAD = f"8s2I{_VERSION_BYTES}s4I"


class StateError(ValueError):
    """The bytes are no state object that this version can read; the text says why, to follow 'it'."""


@dataclass(frozen=True)
class ShimState:
    """What a shim tells of itself. The counters are approximate under threads and wrap at the word size."""

    version: str
    configured: bool  # the environment has been read
    scope: str
    off: bool
    directory_nlink: int
    corrected: int  # zeros that became 1 or directory_nlink
    left_alone: int  # zeros that stayed
    last_revalidation: int  # seconds of CLOCK_MONOTONIC_COARSE; 0: never, or no clock


def state_size(word: int) -> int:
    """Bytes of the object where a machine word has `word` bytes."""
    return struct.calcsize("=" + _HEAD) + 3 * word + _SCOPE_BYTES


def parse_state(data: bytes, word: int, order: str) -> ShimState:
    """Decode at least state_size(word) bytes; `order` is '<' or '>'. The bytes may be anything.

    Raises:
        StateError: they are not such an object, or one of another layout.
    """
    head = struct.calcsize("=" + _HEAD)
    if len(data) < state_size(word) or data[: len(MAGIC)] != MAGIC:
        raise StateError("holds no state of the shim (damaged, or something else of that name)")
    _, layout, size, version, configured, kind, directory_nlink, word_size = struct.unpack_from(
        order + _HEAD, data
    )
    if layout != LAYOUT:
        raise StateError(
            f"is of layout {layout}, and this nlinkshim reads layout {LAYOUT}; use its own version"
        )
    text = _terminated(version)
    if size < state_size(word) or word_size != word or text is None or not _is_version(text):
        raise StateError("holds a damaged state of the shim")
    scope = _terminated(data[head + 3 * word : head + 3 * word + _SCOPE_BYTES])
    if scope is None:
        raise StateError("holds a damaged state of the shim")
    corrected, left_alone, last = struct.unpack_from(order + ("3Q" if word == 8 else "3I"), data, head)
    return ShimState(
        version=text.decode(),
        configured=configured == 1,
        scope=os.fsdecode(scope),
        off=kind == SCOPE_OFF,
        directory_nlink=directory_nlink,
        corrected=corrected,
        left_alone=left_alone,
        last_revalidation=last,
    )


def _terminated(field: bytes) -> bytes | None:
    text, end, _ = field.partition(b"\0")
    return text if end else None


def _is_version(text: bytes) -> bool:
    return bool(text) and all(0x21 <= byte < 0x7F for byte in text)

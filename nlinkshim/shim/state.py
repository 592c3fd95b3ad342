"""The exported object `nlinkshim_state`, decoded. The structure is that of csrc/shim/state.h."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace

SYMBOL = b"nlinkshim_state"
MAGIC = b"nlnkshim"
LAYOUT = 2
SCOPE_OFF = 2

_VERSION_BYTES = 32
_SCOPE_BYTES = 4096
_WORDS = 4
_HEAD = f"8s2I{_VERSION_BYTES}s4I"


class StateError(ValueError):
    """The bytes are no state object that this version can read; the text says why, to follow 'it'."""


@dataclass(frozen=True)
class ShimState:
    """What a shim tells of itself. The counters wrap at the word size; with `shared` they stand at that
    address, and those here are what was counted before."""

    version: str
    configured: bool  # the environment has been read
    scope: str
    off: bool
    directory_nlink: int
    corrected: int  # zeros that became 1 or directory_nlink
    left_alone: int  # zeros that stayed
    shared: int  # address of the counters that its family shares (parse_counters); 0: these are its counters
    last_revalidation: int  # seconds of CLOCK_MONOTONIC_COARSE; 0: never, or no clock


def state_size(word: int) -> int:
    """Bytes of the object where a machine word has `word` bytes."""
    return struct.calcsize("=" + _HEAD) + _WORDS * word + _SCOPE_BYTES


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
    scope = _terminated(data[head + _WORDS * word : head + _WORDS * word + _SCOPE_BYTES])
    if scope is None:
        raise StateError("holds a damaged state of the shim")
    corrected, left_alone, shared, last = _words(data[head:], _WORDS, word, order)
    return ShimState(
        version=text.decode(),
        configured=configured == 1,
        scope=os.fsdecode(scope),
        off=kind == SCOPE_OFF,
        directory_nlink=directory_nlink,
        corrected=corrected,
        left_alone=left_alone,
        shared=shared,
        last_revalidation=last,
    )


def counters_size(word: int) -> int:
    """Bytes of the counters at the address ShimState.shared."""
    return 2 * word


def with_counters(state: ShimState, data: bytes, word: int, order: str) -> ShimState:
    """The state with the counters that its family shares: `data` is what stands at state.shared."""
    corrected, left_alone = _words(data, 2, word, order)
    return replace(state, corrected=corrected, left_alone=left_alone)


def _words(data: bytes, count: int, word: int, order: str) -> tuple[int, ...]:
    return struct.unpack_from(f"{order}{count}{'Q' if word == 8 else 'I'}", data)


def _terminated(field: bytes) -> bytes | None:
    text, end, _ = field.partition(b"\0")
    return text if end else None


def _is_version(text: bytes) -> bool:
    return bool(text) and all(0x21 <= byte < 0x7F for byte in text)

"""What verify told: the exit code, the JSON and the text of one path.

The contract says what must be told, not in which words or under which key: so counts are found by families of
words, and a number in a text may have its thousands separated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

VANISHED = "vanish|gone|disappear|stale|missing"
MOVED = "mov|motion|chang|unsteady|unstable|differ"
UNREAD = "error|unread|not be read|failed"
SKIPPED = "skip|below|enter|mounts|left.out|inner"
CLOSELY = "close|sampl|afresh|fresh|entry.point"


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, int]]:
    """Every integer of a document with the keys that lead to it; a list counts by its length too. Samples,
    which hold link counts, are left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "samples":
                continue
            yield from _numbers(inner, f"{key}.{name}")
    elif isinstance(value, list):
        yield key, len(value)
        for inner in value:
            yield from _numbers(inner, key)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield key, value


@dataclass(frozen=True)
class Told:
    code: int
    mount: dict[str, Any]
    text_code: int
    text: str
    below: list[dict[str, Any]] = field(
        default_factory=list
    )  # of the mounts below, where they were walked too

    @property
    def verdict(self) -> str:
        return self.mount["verdict"]

    @property
    def outcome(self) -> tuple[str, int]:
        """The verdict and the exit code."""
        return self.verdict, self.code

    @property
    def lies(self) -> tuple[int, int, int]:
        """Lies, those corrected, and entries with a wrong answer: changed, or left at 0."""
        return self.mount["lies"], self.mount["corrected"], self.mount["wrong"] + self.mount["left"]

    @property
    def everything(self) -> str:
        return json.dumps([self.mount, *self.below], ensure_ascii=False) + "\n" + self.text

    @property
    def retires(self) -> bool:
        return "can be retired" in self.everything

    @property
    def accuses(self) -> bool:
        """Whether it calls the shim, or nlinkshim, faulty."""
        return bool(re.search(r"report (it|this) as a bug|do not use this shim", self.everything))

    @property
    def problems(self) -> set[str]:
        return {sample["path"] for sample in self.mount["samples"] if sample["problem"]}

    def counts(self, words: str) -> list[int]:
        """The integers of the JSON whose key has one of these words."""
        return [number for key, number in _numbers(self.mount) if re.search(words, key, re.IGNORECASE)]

    def says(self, number: int, words: str) -> bool:
        """Whether the JSON has this number under such a key, and a line of the text by such a word."""
        figures = {str(number), f"{number:,}"}
        if number == 1:
            figures |= {"one", "an"}
        in_text = any(
            re.search(words, line, re.IGNORECASE) and figures & set(re.findall(r"[\w,]*\w", line))
            for line in self._lines()
        )
        return number in self.counts(words) and in_text

    def _lines(self) -> list[str]:
        """The lines of the text; the table, whose numbers stand below their heads, as `HEAD number` lines."""
        lines = self.text.splitlines()
        cells = list(zip(lines[0].split(), lines[1].split(), strict=False)) if len(lines) > 1 else []
        return [*lines[2:], *(" ".join(cell) for cell in cells)]

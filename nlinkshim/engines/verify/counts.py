"""What each thread of a walk counted for itself (struct walk_counts), added up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def counted(report: Any, name: str) -> int:
    """The entries of that name in `report` (struct walk_report *)."""
    return sum(getattr(counts, name) for counts in _counts(report))


def looked_for(report: Any, note: int) -> int:
    """How many entries were looked at for a NOTE_*; 0: it takes no look of its own."""
    return sum(counts.looked_for[note] for counts in _counts(report))


def _counts(report: Any) -> Iterator[Any]:
    return (report.slots[number].counts for number in range(report.slot_count))

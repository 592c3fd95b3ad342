"""Tables in text: a line of heads, then a line a row."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nlinkshim.output.text import coloured


def as_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[str],
    colours: tuple[str, Sequence[str]],
) -> str:
    """`numbers` are the heads of the columns that are flush right; `colours` is the head of one that has a
    colour in each row, and these."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(row: Sequence[str], colour: str = "") -> str:
        cells = []
        for head, cell, width in zip(heads, row, widths, strict=True):
            shown = coloured(cell, colour) if colour and head == colours[0] else cell
            blanks = " " * (width - len(cell))
            cells.append(blanks + shown if head in numbers else shown + blanks)
        return "  ".join(cells).rstrip()

    return "\n".join([line(heads), *map(line, rows, colours[1])])

"""Tables in text: a line of heads, then a line a row."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nlinkshim.output.lines import cells, shortened
from nlinkshim.output.text import coloured

NARROWEST = 8  # a cell that was shortened


def as_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[str],
    colours: tuple[str, Sequence[str]],
    width: int | None = None,
    flexible: Sequence[str] = (),
    dropped: Sequence[str] = (),
) -> str:
    """`numbers` are the heads of the columns that are flush right; `colours` is the head of one that has a
    colour in each row, and these. In a terminal of `width` columns the cells of `flexible` columns are
    shortened, the widest first, and where that is not enough the columns `dropped` left out in their order.
    """
    columns = {head: list(column) for head, *column in zip(heads, *rows, strict=True)}
    widths = {head: max(map(cells, [head, *column])) for head, column in columns.items()}
    if width is not None:
        _fit(widths, width, flexible, dropped)
    heads = list(widths)
    rows = [[shortened(columns[head][i], widths[head]) for head in heads] for i in range(len(rows))]

    def line(row: Sequence[str], colour: str = "") -> str:
        shown = []
        for head, cell in zip(heads, row, strict=True):
            text = coloured(cell, colour) if colour and head == colours[0] else cell
            blanks = " " * (widths[head] - cells(cell))
            shown.append(blanks + text if head in numbers else text + blanks)
        return "  ".join(shown).rstrip()

    return "\n".join([line(heads), *map(line, rows, colours[1])])


def _fit(widths: dict[str, int], width: int, flexible: Sequence[str], dropped: Sequence[str]) -> None:
    """Change the widths of columns until a line fits, or nothing is left to change."""

    def over() -> int:
        return sum(widths.values()) + 2 * (len(widths) - 1) - width

    spare = [head for head in dropped if head in widths]
    while over() > 0:
        widest = max(flexible, key=lambda head: widths.get(head, 0), default="")
        room = widths.get(widest, 0) - max(NARROWEST, len(widest))
        if room > 0:
            widths[widest] -= min(room, over())
        elif spare:
            del widths[spare.pop(0)]
        else:
            return

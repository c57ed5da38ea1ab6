"""Tables that fit a terminal: names are cut, numbers never; further columns follow below."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.markup import escape
from rich.table import Table

#: A name keeps this width where there are too many columns of numbers for one table.
_SHORTEST_NAME = 12

#: Blanks on both sides of a cell, and the line beside it.
_BORDER = 3


def fitted_tables(
    title: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    bold: Sequence[int] = (),
    section_before: int | None = None,
) -> list[Table]:
    """Make tables whose first column has names and whose others have numbers.

    Args:
        title: Title of the first table.
        headers: Headers of all columns; a header may have several lines.
        rows: Cells as plain texts, a name first.
        width: Width of the terminal, in characters.
        bold: Numbers of the rows that are printed bold.
        section_before: Number of the row above which a line is drawn.

    Returns:
        One table, or several with the same names where the numbers do not fit side by side.
    """
    widths = [
        max(cell_len(line) for cell in column for line in cell.split("\n"))
        for column in zip(headers, *rows, strict=True)
    ]
    least = min(widths[0], _SHORTEST_NAME)
    parts: list[list[int]] = [[]]
    for column in range(1, len(headers)):
        if parts[-1] and _total([least, *(widths[c] for c in (*parts[-1], column))]) > width:
            parts.append([])
        parts[-1].append(column)
    tables = []
    for part in parts:
        table = Table(title=None if tables else title, title_style="bold")
        room = width - _total([0, *(widths[column] for column in part)])
        name_width = min(widths[0], max(room, 1))
        table.add_column(headers[0], no_wrap=True, min_width=name_width)
        for column in part:
            table.add_column(
                headers[column], justify="right", no_wrap=True, min_width=widths[column]
            )
        for number, row in enumerate(rows):
            if number == section_before:
                table.add_section()
            cells = [cut(row[0], name_width), *(row[column] for column in part)]
            style = "bold" if number in bold else None
            table.add_row(*(escape(cell) for cell in cells), style=style)
        tables.append(table)
    return tables


def cut(name: str, width: int) -> str:
    """Cut a name to a width in characters; the last one says that it was cut."""
    if cell_len(name) <= width:
        return name
    return set_cell_size(name, width - 1).rstrip() + "…"


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BORDER * len(widths) + 1

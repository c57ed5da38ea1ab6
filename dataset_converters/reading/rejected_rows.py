"""Collect bad rows with file, line, column and reason, up to a limit, for rejected.jsonl."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dataset_converters.errors import BadRowsError
from dataset_converters.reading.raw_files import LINE, RawFile

PARQUET_SUFFIXES = (".parquet", ".pq")  # files of rows, not of lines
_SHOWN_CHARACTERS = 200  # of a raw row in an error message


@dataclass
class Rejects:
    """Collects bad rows up to a limit.

    Args:
        limit: Number of bad rows to accept (``--max-bad-rows``). The next one raises
            :class:`BadRowsError`.
    """

    limit: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, file: str, line: int, column: str | None, reason: str, row: str) -> None:
        """Add one bad row.

        Args:
            file: Name of the raw file.
            line: Line of that file (row of a parquet file), counted from 1.
            column: Column at fault; None when it is the row as a whole.
            reason: Why the row is bad, as a clause.
            row: The raw row; kept whole in ``rejected.jsonl``.

        Raises:
            BadRowsError: The limit is exceeded.
        """
        if len(self.rows) >= self.limit:
            place = _place(file, line, column)
            shown = row if len(row) <= _SHOWN_CHARACTERS else row[:_SHOWN_CHARACTERS] + "..."
            before = f" ({self.limit:,} bad rows came before)" if self.limit else ""
            raise BadRowsError(
                f"{place}: {reason}{before}\n  row: {shown!r}\n"
                "Nothing was written. Repair the row, or let up to N bad rows go to rejected.jsonl "
                "with --max-bad-rows=N."
            )
        self.rows.append(
            {"file": file, "line": line, "column": column, "reason": reason, "row": row}
        )

    def shown(self, position: int) -> str:
        """Return the place and the reason of a row that was rejected."""
        row = self.rows[position]
        return f"{_place(row['file'], row['line'], row['column'])}: {row['reason']}"

    def write(self, path: Path) -> None:
        """Write the rows as JSON lines; write no file if there are none."""
        if self.rows:
            lines = [json.dumps(row, ensure_ascii=False) for row in self.rows]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _place(file: object, line: object, column: object) -> str:
    unit = "row" if str(file).endswith(PARQUET_SUFFIXES) else "line"
    return f"{file}, {unit} {line:,}" + (f", column {column}" if column else "")


def reject_where(
    frame: pl.DataFrame,
    bad: pl.Expr,
    file: RawFile,
    column: str,
    reason: str,
    rejects: Rejects,
    shown_column: str | None = None,
) -> pl.DataFrame:
    """Move the rows where ``bad`` is true to ``rejects``; return the others.

    Args:
        frame: Rows with ``_line``.
        bad: Whether a row is bad.
        file: The file of the rows.
        column: Column at fault.
        reason: Why the value is bad, as a clause that follows it.
        rejects: Collects the bad rows.
        shown_column: Name of the column in messages; default ``column``.
    """
    is_bad = frame.select(bad.alias("bad"))["bad"]
    if not is_bad.any():
        return frame
    for row in frame.filter(is_bad).iter_rows(named=True):
        line = int(row.pop(LINE))
        shown = ", ".join(f"{name}={value}" for name, value in row.items())
        value = "an empty field" if row[column] is None else repr(row[column])
        rejects.add(file.name, line, shown_column or column, f"{value} {reason}", shown)
    return frame.filter(~is_bad)

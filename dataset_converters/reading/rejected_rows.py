"""Collect bad rows with file, line, column and reason, up to a limit, for rejected.jsonl."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from dataset_converters.errors import BadRowsError

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
            line: Line of that file, counted from 1.
            column: Column at fault; None when it is the row as a whole.
            reason: Why the row is bad, as a clause.
            row: The raw row; kept whole in ``rejected.jsonl``.

        Raises:
            BadRowsError: The limit is exceeded.
        """
        if len(self.rows) >= self.limit:
            place = f"{file}, line {line:,}" + (f", column {column}" if column else "")
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

    def write(self, path: Path) -> None:
        """Write the rows as JSON lines; write no file if there are none."""
        if self.rows:
            lines = [json.dumps(row, ensure_ascii=False) for row in self.rows]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

"""Bad rows: named with file, line and column, counted, and never dropped in silence."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from dataset_converters.errors import BadRowsError

_SHOWN = 200  # characters of a raw row that a message repeats


@dataclass
class Rejects:
    """Collects bad rows up to a limit.

    Args:
        limit: Number of bad rows that may be set aside (``--max-bad-rows``). The next one
            raises :class:`BadRowsError`.
    """

    limit: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, file: str, line: int, column: str | None, reason: str, row: str) -> None:
        """Set one row aside.

        Args:
            file: Name of the raw file.
            line: Line of that file, counted from 1.
            column: Column at fault, or None when the row as a whole is.
            reason: What is wrong with it, as a clause.
            row: The raw row; kept whole in ``rejected.jsonl``.

        Raises:
            BadRowsError: This row is one more than the limit.
        """
        if len(self.rows) >= self.limit:
            place = f"{file}, line {line:,}" + (f", column {column}" if column else "")
            shown = row if len(row) <= _SHOWN else row[:_SHOWN] + "..."
            already = f" ({self.limit:,} bad rows were set aside before)" if self.limit else ""
            raise BadRowsError(
                f"{place}: {reason}{already}\n  row: {shown!r}\n"
                "Nothing was written. Repair the row, or let --max-bad-rows=N rows go to "
                "rejected.jsonl."
            )
        self.rows.append(
            {"file": file, "line": line, "column": column, "reason": reason, "row": row}
        )

    def write(self, path: Path) -> None:
        """Write the rows as JSON lines; no file is made when there are none."""
        if self.rows:
            lines = [json.dumps(row, ensure_ascii=False) for row in self.rows]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

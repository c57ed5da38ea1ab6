"""Keep the first row that describes a user or an item; count or reject further ones."""

from __future__ import annotations

import numpy as np
import polars as pl

from dataset_converters.reading.raw_files import LINE, RawFile
from dataset_converters.reading.rejected_rows import Rejects
from dataset_converters.writing.report import Report


class FirstRows:
    """Keeps the first row of every id that occurs in the logs.

    Another row with the same content is counted as a duplicate; one with other content is bad.

    Args:
        occurring: Ids in the logs.
        key: Column of the ids.
    """

    def __init__(self, occurring: pl.Series, key: str) -> None:
        self.key = key
        self._ids = occurring.unique().sort()
        self._hash = np.zeros(len(self._ids), np.uint64)  # of the row kept; 0 before there is one

    def keep(
        self, frame: pl.DataFrame, file: RawFile, rejects: Rejects, report: Report
    ) -> pl.DataFrame:
        """Return the rows of ``frame`` to write, in order; count or reject the others.

        Args:
            frame: Rows with the ids, without nulls among them, their features and ``_line``.
            file: The file that they are from.
            rejects: Gets second rows of an id with other values.
            report: Gets the numbers of rows left out.
        """
        ids = frame[self.key]
        index = self._ids.search_sorted(ids).to_numpy().astype(np.int64)
        index[index == len(self._ids)] = 0  # of each row's id among the ids of the logs
        used = (self._ids.gather(index) == ids).to_numpy()
        if not used.all():
            report.dropped[f"{self.key} not in the logs ({file.base_name})"] += int((~used).sum())
        frame, index = frame.filter(pl.Series(used)), index[used]
        content = frame.drop(LINE).hash_rows(seed=7).to_numpy() | np.uint64(1)
        _, first = np.unique(index, return_index=True)
        is_new = np.zeros(len(index), bool)
        is_new[first] = self._hash[index[first]] == 0
        self._hash[index[is_new]] = content[is_new]
        if is_new.all():
            return frame
        same = self._hash[index] == content
        for row in frame.filter(pl.Series(~is_new & ~same)).iter_rows(named=True):
            line = int(row.pop(LINE))
            rejects.add(
                file.name,
                line,
                None,
                f"{self.key} {row[self.key]} was described before, with other values",
                ", ".join(f"{name}={value}" for name, value in row.items()),
            )
        report.dropped[f"duplicate rows of one {self.key}"] += int((same & ~is_new).sum())
        return frame.filter(pl.Series(is_new))

    def note_missing(self, entities: str, file_name: str, report: Report) -> None:
        """Note in the report how many ids of the logs have no row."""
        missing = int((self._hash == 0).sum())
        if missing:
            report.notes.append(
                f"{missing:,} of {len(self._ids):,} {entities} in the logs have no row in "
                f"{file_name}; their features are empty"
            )

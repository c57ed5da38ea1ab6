"""Write one atomic file: tab-separated text with typed column names, quotes made harmless."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl

_SLICE_ROWS = 1_000_000  # rows turned into text at a time


class AtomicTable:
    """An atomic file that is written slice by slice.

    Args:
        path: File to write.
        fields: Column name to RecBole type (``token``, ``float``, ``token_seq``,
            ``float_seq``), in the order of the file.
    """

    def __init__(self, path: Path, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        self.rows = 0
        self._file = path.open("wb")
        header = "\t".join(f"{name}:{kind}" for name, kind in self.fields.items())
        self._file.write(header.encode() + b"\n")

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows of ``frame``, which has (at least) the columns of the file.

        Nulls become empty fields. A double quote becomes two apostrophes, because readers of
        atomic files disagree about quotes: to RecBole a quote at the start of a field opens a
        quoted field, to others it is a character like any other. A title such as ``12" vinyl``
        must read the same everywhere.
        """
        frame = frame.select(list(self.fields))
        for part in frame.iter_slices(_SLICE_ROWS):
            text = _as_text(part)
            if b'"' in text:
                without_quotes = pl.col(pl.String).str.replace_all('"', "''", literal=True)
                text = _as_text(part.with_columns(without_quotes))
            tabs, lines = text.count(b"\t"), text.count(b"\n")
            if tabs != part.height * (part.width - 1) or lines != part.height or b"\r" in text:
                raise AssertionError("a tab or line break reached an atomic file")
            self._file.write(text)
        self.rows += frame.height

    def close(self) -> None:
        """Flush the file to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _as_text(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_csv(buffer, include_header=False, separator="\t", quote_style="never")
    return buffer.getvalue()

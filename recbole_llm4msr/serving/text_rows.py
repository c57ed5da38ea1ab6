"""Rows of a CSV file or an atomic file in blocks, as texts, so that a fault is found in its row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from recbole_llm4msr.serving.errors import InputError

#: Bytes of a block; also the longest row that can be read.
BYTES = 1 << 24

SEPARATORS = {".csv": ",", ".tsv": "\t", ".inter": "\t"}


class RowFile:
    """Blocks of rows, in order.

    Attributes:
        columns: Names of the columns.
        size: Bytes of the file.
        position: Bytes that have been read so far, roughly.
    """

    def __init__(self, columns: list[str], size: int) -> None:
        self.columns, self.size, self.position = columns, size, 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        raise NotImplementedError


class TextFile(RowFile):
    """A text file: all columns are texts, but for those that an atomic file declares as floats.

    Args:
        path: A file with one of the suffixes :data:`SEPARATORS`.

    Raises:
        InputError: The first line does not name the columns.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._separator, self._is_atomic = SEPARATORS[path.suffix], path.suffix == ".inter"
        with path.open("rb") as file:
            first = file.readline(BYTES)
            self._has_rows = bool(file.read(1))
        names = _header(first, self._separator, quoted=not self._is_atomic)
        self._floats: list[str] = []
        if self._is_atomic:
            names, self._floats = _atomic_header(names)
        super().__init__(names, path.stat().st_size)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        if not self._has_rows:
            return
        done = 0
        with self._path.open("rb") as file:
            source = _CountedQuotes(file)
            for batch in self._reader(source):
                self.position = file.tell()
                frame = pl.DataFrame(pl.from_arrow(batch))
                yield frame.with_columns(_floats(frame[name], done + 1) for name in self._floats)
                done += len(frame)
        if not self._is_atomic and source.quotes % 2:
            raise InputError('a quote (") is not closed, so that rows after it are part of a cell')

    def _reader(self, source: Any) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        return csv.open_csv(
            source,
            read_options=csv.ReadOptions(
                block_size=BYTES, column_names=self.columns, skip_rows=1, use_threads=False
            ),
            parse_options=csv.ParseOptions(
                delimiter=self._separator,
                quote_char=False if self._is_atomic else '"',
                newlines_in_values=not self._is_atomic,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=False,
            ),
        )


class _CountedQuotes(io.RawIOBase):
    """A file that counts the quotes that are read: pyarrow takes the end for a closing one."""

    def __init__(self, file: Any) -> None:
        self._file, self.quotes = file, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.quotes += data.count(b'"')
        return data


def _floats(column: pl.Series, first_row: int) -> pl.Series:
    numbers = column.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & column.is_not_null()
    if wrong.any():
        row = int(wrong.arg_max())
        raise InputError(
            f"row {first_row + row}, column {column.name}: {column[row][:80]!r} is not a number"
        )
    return numbers


def _header(line: bytes, separator: str, *, quoted: bool) -> list[str]:
    """Names of the columns."""
    if not line.strip():
        raise InputError("the file is empty; its first line has to name the columns")
    try:
        text = line.decode("utf-8-sig" if quoted else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError("the first line is not UTF-8 text") from error
    return next(csv.reader([text], delimiter=separator)) if quoted else text.split(separator)


def _atomic_header(columns: list[str]) -> tuple[list[str], list[str]]:
    """Names of an atomic file's columns, ``name:type``, and those of floats."""
    types: dict[str, str] = {}
    for column in columns:
        name, colon, kind = column.rpartition(":")
        if not colon:
            raise InputError(f"the column {column!r} of the first line is not `field:type`")
        if name in types:
            raise InputError(f"the column {name!r} is there twice")
        types[name] = kind
    return list(types), [name for name, kind in types.items() if kind == "float"]

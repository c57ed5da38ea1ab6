"""Read rows of a file in blocks, and write blocks to one, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from recbole_llm4msr.serving.errors import InputError, MissingPackageError
from recbole_llm4msr.serving.text_rows import BYTES, SEPARATORS, RowFile, TextFile
from recbole_llm4msr.util.atomic_write import atomic_write

#: Rows of a block of a parquet file.
ROWS = 1 << 17

_WRITTEN = (".parquet", ".csv", ".tsv")


class _ParquetFile(RowFile):
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(path, memory_map=True)
        super().__init__(self._file.schema_arrow.names, path.stat().st_size)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        total, done = max(1, self._file.metadata.num_rows), 0
        for batch in self._file.iter_batches(ROWS):
            done += batch.num_rows
            self.position = self.size * done // total
            yield pl.DataFrame(pl.from_arrow(batch))


@contextmanager
def open_rows(path: Path) -> Iterator[RowFile]:
    """Open a file of rows by its suffix.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: It cannot be read.
        MissingPackageError: pyarrow is not installed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if path.suffix != ".parquet" and path.suffix not in SEPARATORS:
        known = ", ".join([".parquet", *SEPARATORS])
        raise InputError(f"{path.suffix or 'no suffix'} is not one of {known}")
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingPackageError(
            "pyarrow is not installed; run: pip install 'recbole_llm4msr[serve]'"
        ) from error
    try:
        yield _ParquetFile(path) if path.suffix == ".parquet" else TextFile(path)
    except (pa.ArrowInvalid, pa.ArrowException) as error:
        text = " ".join(str(error).split())
        if "straddling" in text:
            text = f"a row is longer than {BYTES >> 20} MiB, or a quote is not closed"
        raise InputError(text[:300]) from error


def read_rows(path: Path) -> pl.DataFrame:
    """Read a whole file of rows; see :func:`open_rows`.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: It cannot be read, has a column twice, or has no rows.
    """
    with open_rows(path) as rows:
        twice = [name for name in rows.columns if rows.columns.count(name) > 1]
        if twice:
            raise InputError(f"the column {twice[0]!r} is there twice")
        blocks = list(rows)
    if not blocks:
        raise InputError("the file has no rows")
    return pl.concat(blocks)


class _Writer:
    """Writes blocks of rows to a file; the first decides the columns."""

    def __init__(self, suffix: str, path: Path) -> None:
        self._suffix, self._path, self._out = suffix, path, None

    def write(self, frame: pl.DataFrame) -> None:
        """Append a block."""
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._out is None:
            self._out = self._open(table.schema)
        self._out.write_table(table.cast(self._out_schema))

    def _open(self, schema: Any) -> Any:
        self._out_schema = schema
        if self._suffix == ".parquet":
            import pyarrow.parquet as pq

            return pq.ParquetWriter(self._path, schema, compression="zstd")
        from pyarrow import csv

        options = csv.WriteOptions(delimiter=SEPARATORS[self._suffix])
        return csv.CSVWriter(self._path, schema, write_options=options)

    def close(self) -> None:
        """Finish the file."""
        if self._out is not None:
            self._out.close()


@contextmanager
def open_writer(target: Path, path: Path) -> Iterator[_Writer]:
    """Write to ``path`` in the form that the suffix of ``target`` names.

    Raises:
        InputError: The suffix is not known.
    """
    if target.suffix not in _WRITTEN:
        raise InputError(f"output: {target.name} does not end in one of {', '.join(_WRITTEN)}")
    writer = _Writer(target.suffix, path)
    try:
        yield writer
    finally:
        writer.close()


def write_frame(frame: pl.DataFrame, target: Path) -> None:
    """Write a frame as a file, atomically.

    Raises:
        InputError: The suffix is not known.
    """
    with atomic_write(target) as temporary, open_writer(target, temporary) as writer:
        writer.write(frame)


def read_lines(path: Path) -> list[str]:
    """Raw tokens of a text file with one a line; blank lines are skipped.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: It is not text, or has no line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this is not UTF-8 text") from error
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise InputError(f"{path}: the file is empty")
    return lines

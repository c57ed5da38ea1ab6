"""Read rows of a file in blocks, and write blocks to one, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from recbole_llm4msr.serving.errors import InputError, MissingPackageError
from recbole_llm4msr.util.atomic_write import atomic_write

if TYPE_CHECKING:
    from recbole_llm4msr.serving.scorer import Scorer

#: Rows of a block of a parquet file.
ROWS = 1 << 17

#: Bytes of a block of a text file; also the longest row that can be read.
BYTES = 1 << 24

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".inter": "\t"}
_WRITTEN = (".parquet", ".csv", ".tsv")


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


class _TextFile(RowFile):
    """A text file; columns that the model does not read as numbers are kept as texts."""

    def __init__(self, path: Path, floats: set[str]) -> None:
        import pyarrow as pa
        from pyarrow import csv

        with path.open("rb") as file:
            first = file.readline(BYTES)
        separator, is_atomic = _SEPARATORS[path.suffix], path.suffix == ".inter"
        names = _header(first, separator, quoted=not is_atomic)
        types = dict.fromkeys(names, pa.string())
        if is_atomic:
            names, types = _atomic_header(names)
        types |= {name: pa.float64() for name in floats & set(names)}
        self._file = path.open("rb")
        self._reader = csv.open_csv(
            self._file,
            read_options=csv.ReadOptions(
                block_size=BYTES, column_names=names, skip_rows=1, use_threads=False
            ),
            parse_options=csv.ParseOptions(
                delimiter=separator,
                quote_char=False if is_atomic else '"',
                newlines_in_values=not is_atomic,
            ),
            convert_options=csv.ConvertOptions(
                column_types=types,
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=False,
            ),
        )
        super().__init__(names, path.stat().st_size)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for batch in self._reader:
            self.position = self._file.tell()
            yield pl.DataFrame(pl.from_arrow(batch))


def _header(line: bytes, separator: str, *, quoted: bool) -> list[str]:
    if not line.strip():
        raise InputError("the file is empty; its first line has to name the columns")
    try:
        text = line.decode("utf-8-sig" if quoted else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError("the first line is not UTF-8 text") from error
    if not quoted:
        return text.split(separator)
    import csv

    return next(csv.reader([text], delimiter=separator))


def _atomic_header(columns: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Names and types of an atomic file's columns, ``name:type``."""
    import pyarrow as pa

    types = {}
    for column in columns:
        name, colon, kind = column.rpartition(":")
        if not colon:
            raise InputError(f"the column {column!r} of the first line is not `field:type`")
        if name in types:
            raise InputError(f"the column {name!r} is there twice")
        types[name] = pa.float64() if kind == "float" else pa.string()
    return list(types), types


@contextmanager
def open_rows(path: Path, scorer: Scorer) -> Iterator[RowFile]:
    """Open a file of rows by its suffix.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: It cannot be read.
        MissingPackageError: pyarrow is not installed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if path.suffix != ".parquet" and path.suffix not in _SEPARATORS:
        known = ", ".join([".parquet", *_SEPARATORS])
        raise InputError(f"{path.suffix or 'no suffix'} is not one of {known}")
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingPackageError(
            "pyarrow is not installed; run: pip install 'recbole_llm4msr[serve]'"
        ) from error
    try:
        if path.suffix == ".parquet":
            yield _ParquetFile(path)
        else:
            yield _TextFile(path, {f.name for f in scorer.encoder.own if f.kind == "float"})
    except (pa.ArrowInvalid, pa.ArrowException) as error:
        text = " ".join(str(error).split())
        if "straddling" in text:
            text = f"a row is longer than {BYTES >> 20} MiB, or a quote is not closed"
        raise InputError(text[:300]) from error


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

        options = csv.WriteOptions(delimiter=_SEPARATORS[self._suffix])
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

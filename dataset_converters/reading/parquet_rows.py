"""Read a parquet file in blocks, its values as text, lists of text, or moments."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.reading.raw_files import LINE, RawFile
from dataset_converters.writing.progress import Reporter

BLOCK_ROWS = 500_000
_EXACT = 2.0**53  # whole numbers below this are exact in a double


def parquet_schema(file: RawFile) -> dict[str, pl.DataType]:
    """Return the columns of a parquet file with their types.

    Raises:
        ConverterError: The file is not a valid parquet file.
    """
    try:
        return dict(pl.scan_parquet(file.path, glob=False).collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(file, error) from error


def is_readable(dtype: pl.DataType) -> bool:
    """Return whether a column of this type has values that an atomic file can hold."""
    if isinstance(dtype, pl.List | pl.Array):
        return is_readable(dtype.inner) and not isinstance(dtype.inner, pl.List | pl.Array)
    return not isinstance(dtype, pl.Struct | pl.Binary | pl.Object | pl.Duration)


def read_parquet_rows(
    file: RawFile, columns: list[str], reporter: Reporter, block_rows: int = BLOCK_ROWS
) -> Iterator[pl.DataFrame]:
    """Read columns of a parquet file block by block.

    Args:
        file: The file.
        columns: Names of the columns to read.
        reporter: Shows a bar with rows/s and ETA.
        block_rows: Rows of a block.

    Yields:
        Frames with the columns as text, list of text or datetime, and ``_line``, the number of
        the row, counted from 1. A whole number has no decimal point, also where the column is
        of floats, as a column of integers with nulls often is. NaN is null.

    Raises:
        ConverterError: The file is damaged.
    """
    schema = parquet_schema(file)
    scan = pl.scan_parquet(file.path, glob=False).select(columns)
    try:
        rows = pl.scan_parquet(file.path, glob=False).select(pl.len()).collect().item()
        with reporter.meter(file.base_name, rows) as meter:
            for start in range(0, rows, block_rows):
                frame = scan.slice(start, block_rows).collect()
                frame = frame.select(_as_text(name, schema[name]) for name in columns)
                line = pl.int_range(start + 1, start + 1 + frame.height, dtype=pl.Int64)
                meter.update(start + frame.height, frame.height)
                yield frame.with_columns(line.alias(LINE))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(file, error) from error


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(name)
    if isinstance(dtype, pl.Array):
        value, dtype = value.arr.to_list(), pl.List(dtype.inner)
    if isinstance(dtype, pl.List):
        return value.list.eval(_scalar(pl.element(), dtype.inner)).alias(name)
    return _scalar(value, dtype).alias(name)


def _scalar(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Date):
        return value.cast(pl.Datetime("us"))
    if isinstance(dtype, pl.Datetime):
        return value.dt.convert_time_zone("UTC") if dtype.time_zone else value
    if dtype.is_float():
        is_whole = (value == value.floor()) & (value.abs() < _EXACT)
        whole = pl.when(is_whole).then(value).cast(pl.Int64).cast(pl.String)
        return (
            pl.when(value.is_nan()).then(None).otherwise(pl.coalesce(whole, value.cast(pl.String)))
        )
    return value.cast(pl.String)


def _damaged(file: RawFile, error: Exception) -> ConverterError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ConverterError(f"{file.name}: not a valid parquet file ({reason})")

"""Read typed, checked rows of a CSV file in blocks, and name the line of every bad row.

polars parses each block at once. A block in which anything is wrong is read again row by row with
the csv module, which either names the bad row or shows that the block is valid. One lazy scan
over the file would not do: it cannot read a zip member, and it reports neither the line of a bad
row nor the values that it turned into nulls.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np
import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.reading.blocks import Block, read_ahead, read_blocks
from dataset_converters.reading.columns import Column, find_fault, parse_field
from dataset_converters.reading.csv_header import CsvHeader, match_header, read_header
from dataset_converters.reading.dialect import COMMA, Dialect
from dataset_converters.reading.raw_files import LINE, RawFile
from dataset_converters.reading.rejected_rows import Rejects
from dataset_converters.writing.progress import Reporter

_EXTRA = "_extra"  # a column beyond the header's; filled by rows with too many fields
_MAX_FIELD_CHARACTERS = 1 << 30  # the csv module's default of 131,072 is too short for captions


def read_csv_rows(
    file: RawFile,
    columns: list[Column],
    rejects: Rejects,
    reporter: Reporter,
    *,
    header: list[str] | None = None,
    truncation_notes: list[str] | None = None,
    dialect: Dialect = COMMA,
    block_bytes: int | None = None,
) -> Iterator[pl.DataFrame]:
    """Read a CSV file block by block.

    Args:
        file: The file.
        columns: Columns to read; other columns of the file are ignored.
        rejects: Collects bad rows, and raises when there are too many.
        reporter: Shows a bar with rows/s and ETA.
        header: Column names of a file without a header line.
        truncation_notes: As for :func:`dataset_converters.reading.blocks.read_blocks`.
        dialect: Separator, quotes and encoding.
        block_bytes: Bytes of text per block; None is the size of ``read_blocks``.

    Yields:
        Frames with the columns the file has, in the order asked for, and ``_line``, the line
        each row begins at.

    Raises:
        ConverterError: A required column is missing, or the file is damaged or empty.
    """
    stream = file.open()
    matched = match_header(file, header, columns) if header is not None else None
    with reporter.meter(file.base_name, file.size) as meter:
        blocks = read_blocks(
            file,
            stream,
            quoted=dialect.quotes,
            truncation_notes=truncation_notes,
            block_bytes=block_bytes,
        )
        for block in read_ahead(dialect.decode(file, block) for block in blocks):
            if matched is None:
                matched, block = read_header(file, block, columns, dialect)
            frame = _parse_block(block, matched, dialect)
            if frame is None:
                frame = _parse_row_by_row(file, block, matched, dialect, rejects)
            meter.update(block.position, frame.height)
            if frame.height:
                yield frame
    stream.close()
    if matched is None:
        raise ConverterError(f"{file.name}: the file is empty")


def _parse_block(block: Block, header: CsvHeader, dialect: Dialect) -> pl.DataFrame | None:
    """Parse a block with polars; None when any row of it may be bad."""
    data = block.data
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    separator = dialect.mark.encode()
    may_hold_tabs = separator == b"\t" or all(column.kind == "raw" for column in header.columns)
    if b"\t" in data and not may_hold_tabs:
        return None
    if data.count(b"\r") not in (0, data.count(b"\r\n")):
        return None
    width = len(header.names)
    names = [f"c{i}" for i in range(width)] + [_EXTRA]  # names of the header may repeat
    schema: dict[str, pl.DataType] = dict.fromkeys(names, pl.String())
    for column in header.columns:
        schema[names[header.positions[column.name]]] = column.dtype
    last = names[width - 1]
    used = [names[header.positions[column.name]] for column in header.columns]
    try:
        frame = pl.read_csv(
            separator.join(name.encode() for name in names) + b"\n" + data,
            schema=schema,
            separator=dialect.mark,
            quote_char='"' if dialect.quotes else None,
            columns=[*dict.fromkeys([*used, last]), _EXTRA],
            ignore_errors=True,  # a value of the wrong type becomes null, tested below
            empty_string_is_null=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None  # polars panics on some misplaced quotes
    if frame.height != lines:
        return None
    # A row with too many fields fills the extra column, one with too few leaves the last empty.
    tests = [(pl.col(_EXTRA) == "").all()]
    if schema[last] == pl.String() and (frame[last] == "").any():
        may_hide_separators = dialect.quotes and b'"' in data
        if may_hide_separators or not _all_lines_have(data, separator, width - 1):
            return None
    for column in header.columns:
        value = pl.col(names[header.positions[column.name]])
        if column.kind in ("text", "raw"):
            continue
        tests.append(value.is_not_null().all())
        if column.kind == "flag":
            tests.append(value.is_in([0.0, 1.0]).all())
        elif column.kind == "id":
            tests.append((value >= 0).all())
        elif column.kind != "code":
            tests.append((value.is_finite() & (value >= 0)).all())
    is_valid = frame.select(pl.all_horizontal(tests)).item() if lines else True
    if not is_valid:
        return None
    line = pl.int_range(block.line, block.line + frame.height, dtype=pl.Int64).alias(LINE)
    renamed = [
        pl.col(name).alias(column.name) for name, column in zip(used, header.columns, strict=True)
    ]
    return frame.select(*renamed, line)


def _all_lines_have(data: bytes, separator: bytes, number: int) -> bool:
    """Return whether every line contains the separator this many times."""
    codes = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", np.uint8)
    line_ends = np.flatnonzero(codes == ord("\n"))
    before = np.searchsorted(np.flatnonzero(codes == ord(separator)), line_ends)
    return bool((np.diff(before, prepend=0) == number).all())


def _parse_row_by_row(
    file: RawFile, block: Block, header: CsvHeader, dialect: Dialect, rejects: Rejects
) -> pl.DataFrame:
    """Parse a block with the csv module; every bad row goes to ``rejects``."""
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    text = block.data.decode("utf-8", errors="surrogateescape")
    quoting = csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.mark, quoting=quoting)
    values: dict[str, list[object]] = {column.name: [] for column in header.columns}
    lines: list[int] = []
    end = 0
    for record in reader:
        line, end = block.line + end, reader.line_num
        if not record:
            continue  # an empty line is not a row
        fault = _find_record_fault(record, header)
        if fault is not None:
            last_line = block.line + end - 1
            span = f" (the row spans lines {line:,} to {last_line:,})" if last_line > line else ""
            column, reason = fault
            shown = (
                dialect.separator.join(record)
                .encode("utf-8", "surrogateescape")
                .decode("utf-8", "replace")
            )
            rejects.add(file.name, line, column, reason + span, shown)
            continue
        lines.append(line)
        for column in header.columns:
            values[column.name].append(parse_field(header.field(record, column), column))
    schema = {column.name: column.dtype for column in header.columns} | {LINE: pl.Int64()}
    return pl.DataFrame({**values, LINE: lines}, schema=schema)


def _find_record_fault(record: list[str], header: CsvHeader) -> tuple[str | None, str] | None:
    """Return the column at fault and the reason; None when the record is valid."""
    if len(record) != len(header.names):
        return None, f"{len(record)} fields, but the header names {len(header.names)} columns"
    for column in header.columns:
        reason = find_fault(header.field(record, column), column)
        if reason is not None:
            return header.names[header.positions[column.name]], reason
    return None

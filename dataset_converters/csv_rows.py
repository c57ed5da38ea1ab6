"""Typed, checked rows of a CSV file: fast where a block is sound, exact where it is not.

Why blocks and not one lazy scan: a scan cannot read a zip member, and it says neither which line
was wrong nor which rows it turned into nulls. Each block is parsed by polars; only a block
that has anything amiss is read again row by row, to name the row or to find it harmless.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from dataset_converters.columns import Column, fault_of, value_of
from dataset_converters.errors import ConverterError, nearest
from dataset_converters.raw_files import Block, RawFile, ahead, blocks
from dataset_converters.rejects import Rejects
from dataset_converters.report import Reporter

LINE = "_line"
_EXTRA = "_extra"
_FIELD_LIMIT = 1 << 30  # the csv module's default of 131,072 is less than real captions need


@dataclass(frozen=True)
class _Layout:
    """The header of a file: all its columns, and where the wanted ones stand."""

    header: list[str]
    wanted: dict[str, int]  # result name to position
    columns: tuple[Column, ...]  # those the file has

    def value(self, record: list[str], column: Column) -> str:
        return record[self.wanted[column.name]]


def read_rows(
    file: RawFile,
    columns: list[Column],
    rejects: Rejects,
    report: Reporter,
    *,
    header: list[str] | None = None,
    cut_short: list[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Read a CSV file block by block.

    Args:
        file: The file.
        columns: What to read of it; further columns of the file are passed over.
        rejects: Takes bad rows, and raises when they are too many.
        report: Shows a bar with rows/s and ETA.
        header: The columns of a file that has no header line.
        cut_short: As for :func:`dataset_converters.raw_files.blocks`.

    Yields:
        Frames with the columns the file has, in the order asked for, and ``_line``, the line
        each row begins at.

    Raises:
        ConverterError: A required column is missing, or the file is damaged or empty.
    """
    stream = file.open()
    layout = _lay_out(file, header, columns) if header is not None else None
    with report.meter(file.name.rpartition("/")[2], file.size) as meter:
        for block in ahead(blocks(file, stream, quoted=True, cut_short=cut_short)):
            if layout is None:
                layout, block = _read_header(file, block, columns)
            frame = _parse_fast(block, layout)
            if frame is None:
                frame = _parse_exactly(file, block, layout, rejects)
            meter.update(block.position, frame.height)
            if frame.height:
                yield frame
    stream.close()
    if layout is None:
        raise ConverterError(f"{file.name}: the file is empty")


def _read_header(file: RawFile, block: Block, columns: list[Column]) -> tuple[_Layout, Block]:
    first, _, rest = block.data.partition(b"\n")
    try:
        header = next(csv.reader([first.decode("utf-8-sig").rstrip("\r")]), [])
    except UnicodeDecodeError as error:
        raise ConverterError(f"{file.name}, line 1: the header is not UTF-8 text") from error
    header = [name.strip() for name in header]
    return _lay_out(file, header, columns), Block(rest, block.line + 1, block.position)


def _lay_out(file: RawFile, header: list[str], columns: list[Column]) -> _Layout:
    """Find the columns in the header."""
    wanted: dict[str, int] = {}
    for column in columns:
        places = [i for i, name in enumerate(header) if name in column.accepted]
        if len(places) > 1:
            twice = ", ".join(header[i] for i in places)
            raise ConverterError(
                f"{file.name}, line 1: column {column.name} is there twice ({twice})"
            )
        if places:
            wanted[column.name] = places[0]
        elif column.required:
            names, close = " or ".join(column.accepted), nearest(column.accepted[0], header)
            raise ConverterError(
                f"{file.name}, line 1: missing column {names}{close}; "
                f"the header is {','.join(header)}"
            )
    present = tuple(column for column in columns if column.name in wanted)
    return _Layout(header, wanted, present)


def _parse_fast(block: Block, layout: _Layout) -> pl.DataFrame | None:
    """Parse a block with polars; None when any row of it needs a closer look."""
    data = block.data
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    if b"\t" in data or data.count(b"\r") not in (0, data.count(b"\r\n")):
        return None
    width = len(layout.header)
    names = [f"c{i}" for i in range(width)] + [_EXTRA]  # the header's own names may repeat
    schema: dict[str, pl.DataType] = dict.fromkeys(names, pl.String())
    for column in layout.columns:
        schema[names[layout.wanted[column.name]]] = column.dtype
    last = names[width - 1]
    wanted = {names[layout.wanted[column.name]]: column.name for column in layout.columns}
    try:
        frame = pl.read_csv(
            ",".join(names).encode() + b"\n" + data,
            schema=schema,
            columns=[*dict.fromkeys([*wanted, last]), _EXTRA],
            ignore_errors=True,  # a value of the wrong type is null here and named below
            empty_string_is_null=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None  # polars panics at some misplaced quotes
    if frame.height != lines:
        return None
    # A row with too many fields fills the extra column, one with too few leaves the last empty.
    tests = [(pl.col(_EXTRA) == "").all()]
    if schema[last] == pl.String():
        tests.append((pl.col(last) != "").all())
    for column in layout.columns:
        value = pl.col(names[layout.wanted[column.name]])
        if column.kind == "text":
            continue
        tests.append(value.is_not_null().all())
        if column.kind == "flag":
            tests.append(value.is_in([0.0, 1.0]).all())
        elif column.kind == "id":
            tests.append((value >= 0).all())
        elif column.kind != "code":
            tests.append((value.is_finite() & (value >= 0)).all())
    sound = frame.select(pl.all_horizontal(tests)).item() if lines else True
    if not sound:
        return None
    line = pl.int_range(block.line, block.line + frame.height, dtype=pl.Int64).alias(LINE)
    ordered = [pl.col(names[layout.wanted[c.name]]).alias(c.name) for c in layout.columns]
    return frame.select(*ordered, line)


def _parse_exactly(file: RawFile, block: Block, layout: _Layout, rejects: Rejects) -> pl.DataFrame:
    """Parse a block row by row; every bad row goes to ``rejects``."""
    csv.field_size_limit(_FIELD_LIMIT)
    text = block.data.decode("utf-8", errors="surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""))
    values: dict[str, list[object]] = {column.name: [] for column in layout.columns}
    lines: list[int] = []
    end = 0
    for record in reader:
        line, end = block.line + end, reader.line_num
        if not record:
            continue  # an empty line holds no row
        fault = _fault(record, layout)
        if fault is not None:
            last = block.line + end - 1
            span = f" (the row spans lines {line:,} to {last:,})" if last > line else ""
            column, reason = fault
            shown = ",".join(record).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            rejects.add(file.name, line, column, reason + span, shown)
            continue
        lines.append(line)
        for column in layout.columns:
            values[column.name].append(value_of(layout.value(record, column), column))
    schema = {column.name: column.dtype for column in layout.columns} | {LINE: pl.Int64()}
    return pl.DataFrame({**values, LINE: lines}, schema=schema)


def _fault(record: list[str], layout: _Layout) -> tuple[str | None, str] | None:
    """Return the column and the reason why a record is bad; None when it is sound."""
    if len(record) != len(layout.header):
        return None, f"{len(record)} fields, but the header names {len(layout.header)} columns"
    for column in layout.columns:
        reason = fault_of(layout.value(record, column), column)
        if reason is not None:
            return layout.header[layout.wanted[column.name]], reason
    return None


def to_seconds(time: pl.Series, per_second: int) -> pl.Series:
    """Return ``timestamp`` in seconds, the double nearest to the decimal number.

    NumPy divides; polars multiplies by the inverse of a constant, and 1685323613574 ms
    then comes out as 1685323613.5740001 s.

    Args:
        time: Moments in any unit.
        per_second: Units in a second.
    """
    return pl.Series("timestamp", time.to_numpy() / per_second)

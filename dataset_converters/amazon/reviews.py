"""Read Amazon reviews and rating tables: types and values checked, exact duplicates dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import polars as pl

from dataset_converters.amazon.files import Category
from dataset_converters.amazon.release import (
    LAYOUTS,
    Layout,
    first_lines,
    has_header,
    is_table,
)
from dataset_converters.reading import (
    LINE,
    TEXT,
    Column,
    Rejects,
    may_be_deeply_nested,
    parse_object,
    read_csv_rows,
    read_json_lines,
    to_seconds,
)
from dataset_converters.writing import Report, Reporter

# Valid ids survive being written to an atomic file and read again: white space and quotes would
# break a row, and pandas reads the words below as missing values.
_ID = re.compile(r'[^\s"]+')
_MISSING = {
    *("NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#N/A"),
    *("<NA>", "#NA", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "#N/A N/A"),
}
_MAX_BITS = 64  # of an integer
_MAX_SECONDS = 4_102_444_800  # 2100-01-01; a later time means another unit
_SCHEMA = {
    "user_id": pl.String,
    "item_id": pl.String,
    "rating": pl.Float64,
    "timestamp": pl.Float64,
    "content": pl.UInt64,
    LINE: pl.Int64,
}


def read_reviews(
    category: Category,
    release: str,
    rejects: Rejects,
    reporter: Reporter,
    report: Report,
    *,
    allow_truncated: bool,
) -> pl.DataFrame:
    """Read the reviews of a category and drop exact duplicates.

    Args:
        category: The category, with its files.
        release: Release, which gives names, order and units of the columns.
        rejects: Collects bad rows.
        reporter: Shows progress.
        report: Gets the number of duplicates, and notes.
        allow_truncated: Use a truncated gzip stream up to its last whole line.

    Returns:
        ``user_id, item_id, rating, timestamp`` (seconds), in the order of the file.
    """
    truncation_notes = report.notes if allow_truncated else None
    layout = LAYOUTS[release]
    if is_table(category.reviews):
        parts = list(_read_table(category, layout, rejects, reporter, truncation_notes))
    else:
        lines = read_json_lines(category.reviews, rejects, reporter, truncation_notes)
        parts = [_decode_block(frame, category, layout, rejects) for frame in lines]
    rows = pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])
    whole = ["content", "user_id", "item_id", "timestamp"]
    distinct = rows.unique(subset=whole, keep="first", maintain_order=True)
    if distinct.height < rows.height:
        report.dropped[f"exact duplicates in {category.name}"] = rows.height - distinct.height
    return distinct.drop("content", LINE)


def _decode_block(
    lines: pl.DataFrame, category: Category, layout: Layout, rejects: Rejects
) -> pl.DataFrame:
    """Decode a block at once with polars; if anything in it may be bad, line by line."""
    schema = {layout.user: pl.String, layout.item: pl.String}
    schema |= {layout.rating: pl.Float64, layout.time: pl.Float64}
    struct = pl.Struct({name: kind() for name, kind in schema.items()})
    # polars decodes true as 1.0, and the number 7 as the string "7"
    booleans = rf'"({layout.rating}|{layout.time})"\s*:\s*(true|false)'
    numbers = rf'"({layout.user}|{layout.item})"\s*:\s*[^"\s]'
    try:
        if may_be_deeply_nested(lines[TEXT]):
            raise pl.exceptions.ComputeError("nested too deep for a recursive decoder")
        if lines[TEXT].str.contains(f"{booleans}|{numbers}").any():
            raise pl.exceptions.ComputeError("a value of the wrong type")
        fields = lines.select(pl.col(TEXT).str.json_decode(struct)).unnest(TEXT)
    except pl.exceptions.PolarsError:
        fields = None
    if fields is not None:
        frame = pl.DataFrame(
            {
                "user_id": fields[layout.user],
                "item_id": fields[layout.item],
                "rating": fields[layout.rating],
                "timestamp": to_seconds(fields[layout.time], layout.per_second),
                "content": lines[TEXT].hash(),
                LINE: lines[LINE],
            }
        )
        if _all_valid(frame):
            return frame
    rows = []
    hashes = lines[TEXT].hash()
    for (text, line_number), content in zip(lines.iter_rows(), hashes, strict=True):
        try:
            row = parse_object(text)
        except ValueError as error:
            rejects.add(category.reviews.name, line_number, None, str(error), text)
            continue
        fault = _find_fault(row, layout)
        if fault is not None:
            rejects.add(category.reviews.name, line_number, *fault, text)
            continue
        seconds = float(row[layout.time]) / layout.per_second  # type: ignore[arg-type]
        rating = float(row[layout.rating])  # type: ignore[arg-type]
        rows.append((row[layout.user], row[layout.item], rating, seconds, content, line_number))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _read_table(
    category: Category,
    layout: Layout,
    rejects: Rejects,
    reporter: Reporter,
    truncation_notes: list[str] | None,
) -> Iterator[pl.DataFrame]:
    file = category.reviews
    header = None if has_header(first_lines(file)) else list(layout.csv_columns)
    columns = [
        Column("user_id", "text", (layout.user,)),
        Column("item_id", "text", (layout.item,)),
        Column("rating", "count", (layout.rating,)),
        Column("timestamp", "time", (layout.time,)),
    ]
    for frame in read_csv_rows(
        file, columns, rejects, reporter, header=header, truncation_notes=truncation_notes
    ):
        content = frame.drop(LINE).hash_rows(seed=7).alias("content")
        frame = frame.with_columns(content, to_seconds(frame["timestamp"], layout.per_second))
        frame = frame.select(list(_SCHEMA))
        if _all_valid(frame):
            yield frame
            continue
        is_valid = []
        for row in frame.iter_rows(named=True):
            unscaled = {
                layout.user: row["user_id"],
                layout.item: row["item_id"],
                layout.rating: row["rating"],
                layout.time: row["timestamp"] * layout.per_second,
            }
            fault = _find_fault(unscaled, layout)
            is_valid.append(fault is None)
            if fault is not None:
                shown = ",".join(str(value) for value in unscaled.values())
                rejects.add(file.name, int(row[LINE]), *fault, shown)
        yield frame.filter(pl.Series(is_valid))


def _all_valid(frame: pl.DataFrame) -> bool:
    """Return whether no row has a fault; the vectorised form of :func:`_find_fault`."""
    ids = [
        pl.col(name).str.contains(r'^[^\s"]+$') & ~pl.col(name).is_in(sorted(_MISSING))
        for name in ("user_id", "item_id")
    ]
    rating = pl.col("rating").is_between(0, 5)
    time = pl.col("timestamp").is_between(0, _MAX_SECONDS)
    tests = [test.fill_null(value=False).all() for test in (*ids, rating, time)]
    return bool(frame.select(pl.all_horizontal(tests)).item())


def _find_fault(row: dict[str, object], layout: Layout) -> tuple[str, str] | None:
    """Return the column at fault and the reason; None when the row is valid."""
    for name in (layout.user, layout.item):
        value = row.get(name)
        if value is None or value == "":
            return name, "missing"
        if not isinstance(value, str):
            return name, f"{value!r} is not a string"
        if not _ID.fullmatch(value):
            return name, f"{value!r} is not a valid id (it contains white space or a quote)"
        if value in _MISSING:
            return name, f"{value!r} is not a valid id (table readers take it for a missing value)"
    numbers = {}
    for name in (layout.rating, layout.time):
        value = row.get(name)
        if value is None:
            return name, "missing"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return name, f"{value!r} is not a number"
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            return name, "a number with too many digits"
        if not math.isfinite(value):
            return name, f"{value!r} is not finite"
        numbers[name] = value
    if not 0 <= numbers[layout.rating] <= 5:
        return layout.rating, f"{row[layout.rating]!r} is not a rating from 0 to 5"
    if numbers[layout.time] < 0:
        return layout.time, f"{row[layout.time]!r} is negative"
    if numbers[layout.time] / layout.per_second > _MAX_SECONDS:
        unit = "seconds" if layout.per_second == 1 else "milliseconds"
        return layout.time, f"{row[layout.time]!r} is past the year 2100 in {unit}"
    return None

"""Read the files that describe users and items; write a row for every id of the log."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from dataset_converters.reading import LINE, FirstRows, Rejects
from dataset_converters.table.interactions import check_ids, keep_valid
from dataset_converters.table.plan import PlannedColumn, SideFiles
from dataset_converters.table.values import ColumnType, convert
from dataset_converters.writing import DatasetWriter, Report, Reporter


def read_side(
    side: SideFiles, occurring: pl.Series, rejects: Rejects, reporter: Reporter, report: Report
) -> pl.DataFrame:
    """Read the rows of the users or items that occur in the log.

    Args:
        side: The files.
        occurring: Ids in the log.
        rejects: Collects bad rows, and second rows of an id with other values.
        reporter: Shows progress.
        report: Gets the numbers of rows left out.

    Returns:
        A row per id that is described: the id, named ``user_id`` or ``item_id``, and the columns
        of ``side.columns`` as text.
    """
    key = f"{side.entity}_id"
    first_rows = FirstRows(occurring, key)
    schema = {key: pl.String, **{column.name: pl.String for column in side.columns}}
    parts = [pl.DataFrame(schema=schema)]
    for source, id_column in zip(side.sources, side.keys, strict=True):
        columns = [column for column in side.columns if column.column in source.columns]
        names = list(dict.fromkeys([id_column, *(column.column for column in columns)]))
        for frame in source.frames(names, rejects, reporter, report.notes):
            frame = check_ids(frame, id_column, source.file, rejects)
            frame, texts = keep_valid(frame, columns, source.file, rejects)
            ids = frame[id_column].cast(pl.String).alias(key)
            texts = {name: values.alias(name) for name, values in texts.items()}
            rows = pl.DataFrame([ids, *texts.values(), frame[LINE]])
            kept = first_rows.keep(rows, source.file, rejects, report)
            parts.append(kept.drop(LINE))
    return pl.concat(parts, how="diagonal")


def take_side(
    side: SideFiles, inter: pl.DataFrame, report: Report
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take the description of users or items out of the rows of the log.

    Args:
        side: Columns of the log.
        inter: Rows of the log.
        report: Gets a note if rows of one id differ.

    Returns:
        The first row of each id, as :func:`read_side` returns it; and the rows of the log without
        the columns.
    """
    key, names = f"{side.entity}_id", [column.name for column in side.columns]
    distinct = inter.select(key, *names).unique(maintain_order=True)
    first = distinct.unique(subset=key, keep="first", maintain_order=True)
    differing = int(distinct[key].value_counts()["count"].gt(1).sum())
    if differing:
        report.notes.append(
            f"{differing:,} {side.entity}s have rows that differ in {', '.join(names)}; the first "
            "is used"
        )
    return first, inter.drop(names)


def write_side(
    writer: DatasetWriter | None,
    side: SideFiles,
    rows: pl.DataFrame,
    ids: pl.Series,
    report: Report,
    empty: set[str],
) -> None:
    """Write ``.user`` or ``.item``, sorted by id; an id without a row has empty features.

    Args:
        writer: The data set; None writes nothing.
        side: Columns; those whose guessed type does not fit become token, with a note.
        rows: Rows of :func:`read_side`.
        ids: Ids that are written in ``.inter``.
        report: Gets the number of ids without a row.
        empty: Gets the names of float columns without any number.
    """
    key = f"{side.entity}_id"
    wanted = pl.DataFrame({key: ids.unique().sort()})
    frame = wanted.join(rows, on=key, how="left").sort(key)
    missing = frame.height - int(wanted[key].is_in(rows[key].implode()).sum())
    if missing:
        report.notes.append(
            f"{missing:,} of {frame.height:,} {side.entity}s have no row in {side.file_names}; "
            "their features are empty"
        )
    frame, fields = convert_columns(frame, side.columns, report, empty)
    if writer is not None:
        writer.table(side.entity, {key: "token", **fields}).write(frame)


def convert_columns(
    frame: pl.DataFrame, columns: list[PlannedColumn], report: Report, empty: set[str]
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Convert text to the planned types.

    Args:
        frame: Columns as text.
        columns: The plan; a guessed type that does not fit is replaced by token there.
        report: Gets a note on each such column.
        empty: Gets the names of float columns without any number.

    Returns:
        The frame with converted columns, and the type of each by name.
    """
    fields = {}
    for position, column in enumerate(columns):
        kind, text = column.kind, frame[column.name]
        values, is_fault = convert(text, kind)
        if is_fault.any():
            report.notes.append(
                f"{column.name} is token, not {kind.name}: {int(is_fault.sum()):,} values are not "
                f"numbers, such as {text.filter(is_fault)[0]!r}. To reject such rows give "
                f"--type={column.column}={kind.name}"
            )
            kind = ColumnType("token")
            values, _ = convert(text, kind)
            columns[position] = replace(column, kind=kind)
        if kind.name == "float" and values.null_count() == len(values):
            empty.add(column.name)
        frame = frame.with_columns(values.alias(column.name))
        fields[column.name] = kind.name
    return frame, fields

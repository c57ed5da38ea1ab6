"""Read the rows of a log: ids, scenario, label and time checked, further columns as text."""

from __future__ import annotations

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.reading import LINE, RawFile, Rejects, reject_where
from dataset_converters.table.labels import (
    LABEL_FAULT,
    RATING,
    RATING_FAULT,
    to_label,
    to_rating,
)
from dataset_converters.table.options import TableOptions
from dataset_converters.table.plan import Plan, PlannedColumn
from dataset_converters.table.values import convert, to_text
from dataset_converters.writing import Report, Reporter

FILE = "_file"  # position of the file of a row; with --scenario-from a file of users or items
_PADDING = "[PAD]"  # RecBole's token of id 0
_NOT_IN_IDS = r'[\x00-\x1f\x7f"]'


def read_interactions(
    plan: Plan, options: TableOptions, rejects: Rejects, reporter: Reporter, report: Report
) -> pl.DataFrame:
    """Read all rows of the log.

    Args:
        plan: Columns and how they are written.
        options: Options of the conversion.
        rejects: Collects bad rows.
        reporter: Shows progress.
        report: Gets notes.

    Returns:
        ``user_id``, ``item_id`` (text), ``scenario`` unless a side file has it, ``label`` or
        ``_rating`` if there is one, ``timestamp`` in unix seconds if there are times, and the
        columns of ``plan.read_columns`` as text, in the order of the files; ``_line`` and
        ``_file`` if the scenario is to be added.

    Raises:
        ConverterError: A file is damaged, or a column of times is of another type than in the
            first file.
    """
    parts = []
    is_scenario_open = plan.roles.scenario is None and options.scenario_from != "file"
    for position, source in enumerate(plan.sources):
        columns = [c for c in plan.roles.columns.values() if c in source.columns]
        columns += [c.column for c in plan.read_columns if c.column in source.columns]
        _check_time_type(plan, source.columns, source.file)
        for frame in source.frames(list(dict.fromkeys(columns)), rejects, reporter, report.notes):
            checked = _check_rows(frame, plan, source.file, rejects)
            if not is_scenario_open:
                checked = checked.drop(LINE)
            else:
                checked = checked.with_columns(pl.lit(position, pl.UInt32).alias(FILE))
            if options.scenario_from == "file":
                name = pl.lit(source.stem).alias("scenario")
                checked = checked.with_columns(name)
            parts.append(checked)
        missing = [c.column for c in plan.read_columns if c.column not in source.columns]
        if missing:
            report.notes.append(
                f"{source.file.name} has no column {', '.join(missing)}; it is empty there"
            )
    rows = pl.concat(parts, how="diagonal")
    order = ("user_id", "item_id", "scenario", "label", RATING, "timestamp", LINE, FILE)
    names = [name for name in order if name in rows.columns]
    return rows.select(*names, *(column.name for column in plan.read_columns))


def _check_time_type(plan: Plan, kinds: dict[str, str], file: RawFile) -> None:
    column = plan.roles.time
    if column is None or plan.unit is None:
        return
    is_moment = plan.unit.name == "moments"
    if (kinds[column] == "time") != is_moment:
        first = plan.sources[0].file.name
        raise ConverterError(
            f"{file.name}, column {column}: is of another type than in {first}; write the times "
            "of all input files alike"
        )


def _check_rows(frame: pl.DataFrame, plan: Plan, file: RawFile, rejects: Rejects) -> pl.DataFrame:
    """Move bad rows of a block to ``rejects``; return the others in the columns to keep."""
    roles = plan.roles
    for role, column in roles.columns.items():
        if role in ("user", "item", "scenario"):
            frame = check_ids(frame, column, file, rejects)
    results: dict[str, pl.Series] = {}
    if roles.label is not None:
        results["label"] = to_label(_text(frame, roles.label))
        frame = _keep_converted(frame, results, "label", roles.label, LABEL_FAULT, file, rejects)
    if roles.rating is not None:
        results[RATING] = to_rating(_text(frame, roles.rating))
        frame = _keep_converted(frame, results, RATING, roles.rating, RATING_FAULT, file, rejects)
    if roles.time is not None and plan.unit is not None:
        results["timestamp"] = plan.unit.seconds(frame[roles.time])
        reason = plan.unit.reason
        frame = _keep_converted(frame, results, "timestamp", roles.time, reason, file, rejects)
    others = [column for column in plan.read_columns if column.column in frame.columns]
    frame, texts = keep_valid(frame, others, file, rejects, results)
    names = {"user_id": roles.user, "item_id": roles.item, "scenario": roles.scenario}
    ids = {name: _text(frame, column) for name, column in names.items() if column is not None}
    columns = {**ids, **results, **texts, LINE: frame[LINE]}
    return pl.DataFrame([values.alias(name) for name, values in columns.items()])


def check_ids(frame: pl.DataFrame, column: str, file: RawFile, rejects: Rejects) -> pl.DataFrame:
    """Move rows to ``rejects`` whose id is missing or cannot be written to an atomic file."""
    id_ = pl.col(column).cast(pl.String)
    tests = (
        (id_.is_null() | (id_ == ""), "cannot be an id"),
        (id_.str.contains(_NOT_IN_IDS), "cannot be an id: a tab, line break or quote is in it"),
        (id_ == _PADDING, "cannot be an id: RecBole's padding has that name"),
    )
    for bad, reason in tests:
        frame = reject_where(frame, bad.fill_null(value=False), file, column, reason, rejects)
    return frame


def keep_valid(
    frame: pl.DataFrame,
    columns: list[PlannedColumn],
    file: RawFile,
    rejects: Rejects,
    results: dict[str, pl.Series] | None = None,
) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """Convert columns to text; move rows to ``rejects`` that contradict a type that was given.

    A type that was only guessed is changed later instead.

    Returns:
        The rows kept, and their columns as text by the name in the data set.
    """
    texts = {c.name: to_text(frame[c.column], is_text=c.kind.is_text) for c in columns}
    for column in columns:
        if not column.kind.given:
            continue
        _, is_fault = convert(texts[column.name], column.kind)
        if is_fault.any():
            reason = f"is not of the type {column.kind.name}"
            reject_where(frame, pl.lit(is_fault), file, column.column, reason, rejects)
            frame = frame.filter(~is_fault)
            for values in (texts, *([results] if results is not None else [])):
                values.update({name: part.filter(~is_fault) for name, part in values.items()})
    return frame, texts


def _text(frame: pl.DataFrame, column: str) -> pl.Series:
    """Return a column as text, unchanged where it was text."""
    values = frame[column]
    return values if values.dtype == pl.String else to_text(values)


def _keep_converted(
    frame: pl.DataFrame,
    results: dict[str, pl.Series],
    name: str,
    column: str,
    reason: str,
    file: RawFile,
    rejects: Rejects,
) -> pl.DataFrame:
    """Move the rows to ``rejects`` where ``results[name]`` is null, and drop them everywhere."""
    is_bad = results[name].is_null()
    if not is_bad.any():
        return frame
    reject_where(frame, pl.lit(is_bad), file, column, reason, rejects)
    for key, values in results.items():
        results[key] = values.filter(~is_bad)
    return frame.filter(~is_bad)

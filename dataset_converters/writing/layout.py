"""Write ``.inter``, ``.scenario`` and the settings, which all data sets have in the same layout."""

from __future__ import annotations

import polars as pl

from dataset_converters.errors import ConverterError
from dataset_converters.writing.dataset_writer import DatasetWriter
from dataset_converters.writing.progress import Reporter
from dataset_converters.writing.report import Report

INTER = {
    "user_id": "token",
    "item_id": "token",
    "scenario": "token",
    "label": "float",
    "timestamp": "float",
}
_SCENARIO = {
    "scenario": "token",
    "scenario_name": "token_seq",
    "scenario_description": "token_seq",
}
_SLICE_ROWS = 1_000_000


def check_not_empty(inter: pl.DataFrame, report: Report) -> None:
    """Raise ConverterError if no row is left, with the number of rows each option dropped."""
    if inter.is_empty():
        reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in report.dropped.items())
        raise ConverterError(f"no row is left after applying the options; rows dropped: {reasons}")


def with_whole_seconds(inter: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with ``timestamp`` as integers, if all are whole seconds."""
    time = inter["timestamp"]
    return inter.with_columns(time.cast(pl.Int64)) if (time == time.floor()).all() else inter


def write_inter(
    writer: DatasetWriter,
    inter: pl.DataFrame,
    reporter: Reporter,
    extra: dict[str, str] | None = None,
) -> None:
    """Write ``.inter``.

    Args:
        writer: The data set.
        inter: Rows with the columns of :data:`INTER` and those of ``extra``; ``timestamp`` may
            be missing.
        reporter: Shows progress.
        extra: Additional columns and their RecBole types.
    """
    fields = dict(INTER)
    if "timestamp" not in inter.columns:
        del fields["timestamp"]
    table = writer.table("inter", fields | (extra or {}))
    with reporter.meter("writing .inter", inter.height) as meter:
        for part in inter.iter_slices(_SLICE_ROWS):
            table.write(part)
            meter.update(table.rows, part.height)


def write_scenarios(writer: DatasetWriter, rows: list[tuple[str, str, str]]) -> None:
    """Write ``.scenario`` from (scenario, name, description)."""
    frame = pl.DataFrame(rows, list(_SCENARIO), orient="row")
    writer.table("scenario", _SCENARIO).write(frame)


def dataset_settings(
    *,
    user: list[str],
    item: list[str],
    template: str,
    texts: list[str],
    inter: list[str] | None = None,
    timed: bool = True,
) -> dict[str, object]:
    """Return the RecBole configuration of a data set, the content of ``<name>.yaml``.

    The split is by time over all rows: in every scenario training rows come first, then
    validation, then test. A random split would spread the rows of one search session, of one
    served batch, or a positive and its sampled negatives over training and test.

    Args:
        user: Columns of ``.user`` to load as features; empty when there is no such file.
        item: Columns of ``.item`` to load as features.
        template: Name of the prompt template.
        texts: Columns of ``.item`` that the prompts contain.
        inter: Columns of ``.inter`` to load besides those that every data set has.
        timed: Whether ``.inter`` has times; without them the split is at random.
    """
    fields = [name for name in INTER if timed or name != "timestamp"]
    load_col = {"inter": [*fields, *(inter or [])]}
    load_col |= {"user": user} if user else {}
    load_col |= {"item": item} if item else {}
    return {
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "SCENARIO_FIELD": "scenario",
        "LABEL_FIELD": "label",
        "TIME_FIELD": "timestamp" if timed else None,
        "load_col": load_col,
        "eval_args": {
            "split": {"RS": [0.8, 0.1, 0.1]},
            "order": "TO" if timed else "RO",
            "group_by": None,
            "mode": "labeled",
        },
        "prompt_template": template,
        "item_text_fields": texts,
    }

"""What every converted data set has in common: interactions, scenarios, settings."""

from __future__ import annotations

import polars as pl

from dataset_converters.atomic import DatasetWriter
from dataset_converters.errors import ConverterError
from dataset_converters.report import Report, Reporter

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
_SLICE = 1_000_000


def check_some_left(inter: pl.DataFrame, report: Report) -> None:
    """Raise when the options leave no row, and say which option took how many."""
    if inter.is_empty():
        reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in report.dropped.items())
        raise ConverterError(f"no row is left: the options leave nothing of the input ({reasons})")


def write_inter(
    writer: DatasetWriter,
    inter: pl.DataFrame,
    reporter: Reporter,
    further: dict[str, str] | None = None,
) -> None:
    """Write ``.inter``.

    Args:
        writer: The data set.
        inter: Rows with the columns of :data:`INTER` and those of ``further``.
        reporter: Shows progress.
        further: Further columns and their RecBole types.
    """
    table = writer.table("inter", INTER | (further or {}))
    with reporter.meter("writing .inter", inter.height) as meter:
        for part in inter.iter_slices(_SLICE):
            table.write(part)
            meter.update(table.rows, part.height)


def write_scenarios(writer: DatasetWriter, rows: list[tuple[str, str, str]]) -> None:
    """Write ``.scenario`` from (scenario, name, description)."""
    frame = pl.DataFrame(rows, list(_SCENARIO), orient="row")
    writer.table("scenario", _SCENARIO).write(frame)


def settings_of(
    *, user: list[str], item: list[str], template: str, texts: list[str]
) -> dict[str, object]:
    """RecBole's configuration of a data set.

    The split is by time over all rows: the past foretells the future in every scenario at
    once. A random split would put rows of one search session, of one served batch, or a sampled
    negative and its positive on both sides.

    Args:
        user: Columns of ``.user`` that a model learns from; empty when there is no such file.
        item: The same of ``.item``.
        template: Template of the prompts.
        texts: Columns of ``.item`` whose text a prompt uses.
    """
    load_col = {"inter": list(INTER)}
    load_col |= {"user": user} if user else {}
    load_col |= {"item": item} if item else {}
    return {
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "SCENARIO_FIELD": "scenario",
        "LABEL_FIELD": "label",
        "TIME_FIELD": "timestamp",
        "load_col": load_col,
        "eval_args": {
            "split": {"RS": [0.8, 0.1, 0.1]},
            "order": "TO",
            "group_by": None,
            "mode": "labeled",
        },
        "prompt_template": template,
        "item_text_fields": texts,
    }

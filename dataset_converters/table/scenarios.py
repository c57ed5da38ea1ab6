"""Take the scenario from the description of users or items; judge the scenarios found."""

from __future__ import annotations

import polars as pl

from dataset_converters.reading import LINE, Rejects
from dataset_converters.table.interactions import FILE
from dataset_converters.table.options import TableOptions
from dataset_converters.table.plan import Plan

MANY_SCENARIOS = 300


def add_scenario(
    inter: pl.DataFrame,
    described: dict[str, pl.DataFrame],
    plan: Plan,
    options: TableOptions,
    rejects: Rejects,
) -> pl.DataFrame:
    """Add the column ``scenario`` from a column of the users or items, if an option says so.

    Args:
        inter: Rows of the log, with ``_line`` and ``_file`` if the scenario is not among them.
        described: Rows of users and items, by entity.
        plan: Names of their columns.
        options: ``--scenario-from``.
        rejects: Gets the rows whose user or item has no value there.
    """
    if "scenario" in inter.columns:
        return inter
    entity, _, column = str(options.scenario_from).partition(".")
    side = plan.item if entity == "item" else plan.user
    name = next(c.name for c in side.columns if c.column == column)  # type: ignore[union-attr]
    key = f"{entity}_id"
    values = described[entity]
    order = [name for name in inter.columns if name not in (LINE, FILE)]
    order.insert(2, "scenario")
    scenario = inter[key].replace_strict(
        values[key], values[name], default=None, return_dtype=pl.String
    )
    inter = inter.with_columns(scenario.alias("scenario"))
    for row in inter.filter(pl.col("scenario").is_null()).iter_rows(named=True):
        file, line = plan.sources[row.pop(FILE)].file.name, int(row.pop(LINE))
        shown = ", ".join(f"{name}={value}" for name, value in row.items())
        reason = f"{entity} {row[key]} has no {column}, which is the scenario"
        rejects.add(file, line, None, reason, shown)
    return inter.filter(pl.col("scenario").is_not_null()).select(order)


def scenario_notes(scenarios: pl.Series) -> list[str]:
    """Return sentences on a number or on names of scenarios that may not be meant.

    Args:
        scenarios: The scenarios, each once.
    """
    notes = []
    if len(scenarios) == 1:
        notes.append(
            f"There is one scenario only ({scenarios[0]}): a multi-scenario model has nothing to "
            "share. Name another column with --scenario or --scenario-from."
        )
    if len(scenarios) > MANY_SCENARIOS:
        notes.append(
            f"There are {len(scenarios):,} scenarios, each with layers and a prompt of its own; is "
            "it the column that is meant? A coarser one trains faster and better."
        )
    folded = scenarios.str.strip_chars().str.to_lowercase()
    alike = scenarios.filter(folded.is_duplicated()).sort().to_list()
    if alike:
        shown = ", ".join(map(repr, alike[:6]))
        notes.append(f"These scenarios differ in blanks or capitals only: {shown}")
    return notes

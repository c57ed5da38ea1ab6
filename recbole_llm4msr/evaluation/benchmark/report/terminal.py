"""Tables and lines that the commands ``benchmark`` and ``tune`` print."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from recbole_llm4msr.evaluation.benchmark.execution import Run
from recbole_llm4msr.evaluation.benchmark.report.tables import DECIMALS, baseline_cells, format_cell
from recbole_llm4msr.evaluation.benchmark.statistics import ALL, Comparison
from recbole_llm4msr.util.fitted_table import fitted_tables


def summary_tables(dataset: str, comparison: Comparison, width: int = 80) -> list[Table]:
    """Make the table of the metric on all rows; the scenarios are too wide for a terminal.

    Args:
        dataset: Name of the data set.
        comparison: What is compared.
        width: Width of the terminal; columns that do not fit are in a second table.
    """
    best = comparison.best(ALL, DECIMALS)
    headers = ["run", comparison.metric, "difference", "95 %", "p", "seeds"]
    rows, bold = [], []
    for number, row in enumerate(comparison.rows):
        _, *certainty = baseline_cells(row)
        rows.append(
            [row.label, format_cell(row.cells[ALL], " ± ", "-"), *certainty, str(row.seeds)]
        )
        bold += [number] if row.label in best else []
    title = f"{dataset}: test {comparison.metric} on all rows"
    return fitted_tables(title, headers, rows, width, bold)


def trials_table(title: str, runs: Sequence[Run], keys: Sequence[str], metric: str) -> Table:
    """Make the table of trials with their validation scores and searched settings.

    The settings share a column and fold, so that keys and values are read whole at any width.

    Args:
        title: Title.
        runs: Trials, best first; the first ten are shown.
        keys: Searched settings.
        metric: Key of the metric by which trials are judged.
    """
    table = Table(title=title)
    for name in (f"valid {metric}", "epochs", "s"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("settings", overflow="fold")
    for run in runs[:10]:
        values = ", ".join(f"{key}: {run.settings[key]}" for key in keys)
        seconds = f"{sum(run.seconds.values()):.0f}"
        table.add_row(f"{run.valid[metric]:.6f}", str(run.epochs), seconds, escape(values))
    return table


def best_command(model: str, dataset: str, settings: Mapping[str, Any]) -> str:
    """Return the options of a command that trains ``model`` with these settings."""
    options = " ".join(f"--{key}={shlex.quote(str(value))}" for key, value in settings.items())
    return f"--model={model} --dataset={dataset} {options}"

"""Tables and lines that the commands ``benchmark`` and ``tune`` print."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from recbole_llm4msr.evaluation.benchmark.execution import Run
from recbole_llm4msr.evaluation.benchmark.report.tables import DECIMALS, baseline_cells, format_cell
from recbole_llm4msr.evaluation.benchmark.statistics import ALL, Comparison


def summary_table(dataset: str, comparison: Comparison) -> Table:
    """Make the table of the metric on all rows; the scenarios are too wide for a terminal."""
    table = Table(title=f"{dataset}: test {comparison.metric} on all rows")
    best = comparison.best(ALL, DECIMALS)
    for name in ("run", comparison.metric, "difference", "95 %", "p", "seeds"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for row in comparison.rows:
        _, *certainty = baseline_cells(row)
        score = format_cell(row.cells[ALL], " ± ", "-")
        style = "bold" if row.label in best else None
        table.add_row(row.label, score, *certainty, str(row.seeds), style=style)
    return table


def trials_table(title: str, runs: Sequence[Run], keys: Sequence[str], metric: str) -> Table:
    """Make the table of trials with their searched settings and validation scores.

    Args:
        title: Title.
        runs: Trials, best first; the first ten are shown.
        keys: Searched settings.
        metric: Key of the metric by which trials are judged.
    """
    table = Table(title=title)
    for name in (*keys, f"valid {metric}", "epochs", "s"):
        table.add_column(name, justify="right")
    for run in runs[:10]:
        values = [str(run.settings[key]) for key in keys]
        seconds = f"{sum(run.seconds.values()):.0f}"
        table.add_row(*values, f"{run.valid[metric]:.6f}", str(run.epochs), seconds)
    return table


def best_command(model: str, dataset: str, settings: Mapping[str, Any]) -> str:
    """Return the options of a command that trains ``model`` with these settings."""
    options = " ".join(f"--{key}={shlex.quote(str(value))}" for key, value in settings.items())
    return f"--model={model} --dataset={dataset} {options}"

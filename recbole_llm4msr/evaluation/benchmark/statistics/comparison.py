"""Comparison of models: means over seeds, differences to a baseline, intervals and p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from recbole_llm4msr.evaluation.benchmark.execution.records import Run
from recbole_llm4msr.evaluation.benchmark.statistics.bootstrap import ResampledUsers
from recbole_llm4msr.evaluation.benchmark.statistics.significance import (
    Difference,
    holm,
    paired_difference,
)
from recbole_llm4msr.evaluation.metrics import higher_is_better

#: Column of the metric over all test rows.
ALL = "all"


@dataclass(frozen=True)
class Cell:
    """Mean and sample deviation of a metric over seeds; ``None`` if they cannot be computed."""

    mean: float | None
    deviation: float | None


@dataclass(frozen=True)
class Row:
    """One model in the table of one metric.

    Attributes:
        label: Name of the row.
        cells: Metric by column: scenarios, ``mean`` and ``all``.
        baseline: Label of the row that it is compared with, if any.
        difference: Difference to the baseline on all test rows; ``None`` if they are not the same
            rows.
        interval: 95 % bootstrap interval of the difference over test users.
        p: Two-sided p-value over seeds, corrected by Holm's method for the rows compared.
        ranked: Whether it was tested on the same rows as most models; only then can it be the best.
        seeds: Number of seeds.
        epochs: Mean number of epochs.
        seconds: Mean seconds of training.
    """

    label: str
    cells: dict[str, Cell]
    baseline: str | None
    difference: Difference | None
    interval: tuple[float, float] | None
    p: float | None
    ranked: bool
    seeds: int
    epochs: float
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """All models compared by one metric.

    Attributes:
        metric: Name of the metric.
        higher_is_better: Direction of the metric.
        columns: Scenarios, ``mean`` and ``all``.
        rows: Rows of the models.
    """

    metric: str
    higher_is_better: bool
    columns: list[str]
    rows: list[Row]

    def best(self, column: str, decimals: int) -> set[str]:
        """Return the labels of the best rows of a column; rows equal when rounded are all best.

        Models tested on other rows than most are left out.
        """
        known = {
            row.label: round(row.cells[column].mean, decimals)
            for row in self.rows
            if row.cells[column].mean is not None and row.ranked
        }
        top = (max if self.higher_is_better else min)(known.values(), default=None)
        return {label for label, value in known.items() if value == top}


def by_label(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by label, in the order of their first runs."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.run, []).append(run)
    return grouped


def scenarios_of(runs: Sequence[Run]) -> list[str]:
    """Return the tokens of the scenarios in the runs' metrics."""
    keys = dict.fromkeys(key for run in runs for key in run.test)
    tokens = (key.partition("@")[2] for key in keys)
    return list(dict.fromkeys(name for name in tokens if name and name != "mean"))


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """Return the names of the metrics of the runs, without scenarios."""
    return list(dict.fromkeys(key.partition("@")[0] for run in runs for key in run.test))


def compare(runs: Sequence[Run], metric: str, users: ResampledUsers) -> Comparison:
    """Compare the final runs of a study by one metric.

    Args:
        runs: Final runs; several seeds share a label.
        metric: Name of the metric.
        users: Bootstrap draws of test users, from which AUC and LogLoss have intervals.
    """
    grouped = by_label(runs)
    scenarios = scenarios_of(runs)
    keys = {name: f"{metric}@{name}" for name in [*scenarios, "mean"]} if scenarios else {}
    if ALL in keys:  # a scenario has this name
        keys[f"@{ALL}"] = keys.pop(ALL)
    keys[ALL] = metric
    differences = {
        label: paired_difference(ours, grouped[ours[0].baseline], metric)
        for label, ours in grouped.items()
        if ours[0].baseline in grouped and users.same_rows(ours, grouped[ours[0].baseline])
    }
    p_values = holm([difference.p for difference in differences.values()])
    corrected = dict(zip(differences, p_values, strict=True))
    ranked = _largest_comparable(grouped, users)
    rows = []
    for label, ours in grouped.items():
        difference = differences.get(label)
        baseline = ours[0].baseline if ours[0].baseline in grouped else None
        interval = users.interval(ours, grouped[baseline], metric) if difference else None
        rows.append(
            Row(
                label=label,
                cells={
                    name: _cell([run.test.get(key) for run in ours]) for name, key in keys.items()
                },
                baseline=baseline,
                difference=difference,
                interval=interval,
                p=corrected.get(label),
                ranked=label in ranked,
                seeds=len(ours),
                epochs=fmean(run.epochs for run in ours),
                seconds=fmean(run.seconds.get("training", float("nan")) for run in ours),
            )
        )
    return Comparison(metric, higher_is_better(metric), list(keys), rows)


def _largest_comparable(grouped: dict[str, list[Run]], users: ResampledUsers) -> list[str]:
    """Labels of the largest set of models that were tested on the same rows."""
    comparable = (
        [label for label, theirs in grouped.items() if users.same_rows(ours, theirs)]
        for ours in grouped.values()
    )
    return max(comparable, key=len)


def _cell(values: list[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Cell(None, None)  # a mean over some of the seeds would pass for one over all
    return Cell(fmean(known), stdev(known) if len(known) > 1 else None)

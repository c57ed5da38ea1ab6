"""Runs as rows of a table: means over seeds, and differences to a baseline with their certainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from recbole_llm4msr.evaluation.benchmark.bootstrap import ResampledUsers
from recbole_llm4msr.evaluation.benchmark.records import Run
from recbole_llm4msr.evaluation.benchmark.statistics import Difference, holm, metric_bigger, paired

#: The column of all rows.
ALL = "all"


@dataclass(frozen=True)
class Cell:
    """A metric over seeds; both are ``None`` where it cannot be computed, or not said."""

    mean: float | None
    deviation: float | None


@dataclass(frozen=True)
class Row:
    """One model in the table of one metric.

    Attributes:
        label: Its name.
        cells: Metric by column: scenarios, ``mean`` and ``all``.
        baseline: Label of what it is compared with, if anything.
        difference: To the baseline, on all rows; ``None`` where that was tested on other rows.
        interval: 95 % bootstrap interval of that over test users.
        p: Two-sided p-value over seeds, corrected for the number of rows compared.
        ranked: Whether it was tested on the rows that most models were tested on.
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
    """All models by one metric.

    Attributes:
        metric: Name of the metric.
        bigger: Whether more of it is better.
        columns: Scenarios, ``mean`` and ``all``.
        rows: The models.
    """

    metric: str
    bigger: bool
    columns: list[str]
    rows: list[Row]

    def best(self, column: str, decimals: int) -> set[str]:
        """Labels of the best rows of a column; those that read alike are best together.

        What was tested on other rows than most models cannot be the best of anything.
        """
        known = {
            row.label: round(row.cells[column].mean, decimals)
            for row in self.rows
            if row.cells[column].mean is not None and row.ranked
        }
        top = (max if self.bigger else min)(known.values(), default=None)
        return {label for label, value in known.items() if value == top}


def by_label(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each row, in the order of the first of them."""
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.run, []).append(run)
    return grouped


def scenarios_of(runs: Sequence[Run]) -> list[str]:
    """Tokens of the scenarios that the runs report."""
    keys = dict.fromkeys(key for run in runs for key in run.test)
    found = (key.partition("@")[2] for key in keys)
    return list(dict.fromkeys(name for name in found if name and name != "mean"))


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """Names of the metrics that the runs report, scenarios left aside."""
    return list(dict.fromkeys(key.partition("@")[0] for run in runs for key in run.test))


def compare(runs: Sequence[Run], metric: str, users: ResampledUsers) -> Comparison:
    """Make the table of a metric from the final runs of a study.

    Args:
        runs: Final runs; several seeds share a label.
        metric: Name of the metric.
        users: Draws of test users; AUC and LogLoss have intervals.
    """
    grouped = by_label(runs)
    scenarios = scenarios_of(runs)
    keys = {name: f"{metric}@{name}" for name in [*scenarios, "mean"]} if scenarios else {}
    if ALL in keys:  # a scenario is called so
        keys[f"@{ALL}"] = keys.pop(ALL)
    keys[ALL] = metric
    differences = {
        label: paired(own, grouped[own[0].baseline], metric)
        for label, own in grouped.items()
        if own[0].baseline in grouped and users.comparable(own, grouped[own[0].baseline])
    }
    corrected = dict(
        zip(differences, holm([found.p for found in differences.values()]), strict=True)
    )
    ranked = _tested_alike(grouped, users)
    rows = []
    for label, own in grouped.items():
        found = differences.get(label)
        rows.append(
            Row(
                label=label,
                cells={name: _cell(run.test.get(key) for run in own) for name, key in keys.items()},
                baseline=own[0].baseline if own[0].baseline in grouped else None,
                difference=found,
                interval=users.interval(own, grouped[own[0].baseline], metric) if found else None,
                p=corrected.get(label),
                ranked=label in ranked,
                seeds=len(own),
                epochs=fmean(run.epochs for run in own),
                seconds=fmean(run.seconds.get("training", float("nan")) for run in own),
            )
        )
    return Comparison(metric, metric_bigger(metric), list(keys), rows)


def _tested_alike(grouped: dict[str, list[Run]], users: ResampledUsers) -> list[str]:
    """Labels of the largest set of models that were tested on the same rows."""
    alike = (
        [label for label, other in grouped.items() if users.comparable(own, other)]
        for own in grouped.values()
    )
    return max(alike, key=len)


def _cell(values) -> Cell:
    values = list(values)
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Cell(None, None)  # a mean over some of the seeds would look like one over all
    return Cell(fmean(known), stdev(known) if len(known) > 1 else None)

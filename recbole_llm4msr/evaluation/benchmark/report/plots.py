"""Data of the plots: gain per scenario, learning curves, accuracy against training time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from recbole_llm4msr.evaluation.benchmark.execution import Run
from recbole_llm4msr.evaluation.benchmark.statistics import (
    ResampledUsers,
    by_label,
    paired_difference,
    scenarios_of,
)


@dataclass(frozen=True)
class Points:
    """One group of points, with one entry in the legend.

    Attributes:
        name: Text of the legend.
        x: Horizontal positions; texts are categories.
        y: Vertical positions.
        low: Lower ends of the error bars; empty for none.
        high: Upper ends of the error bars.
    """

    name: str
    x: list
    y: list[float]
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        name: Name of its files, without ending.
        title: Title.
        x_title: Title of the horizontal axis.
        y_title: Title of the vertical axis.
        points: Groups of points.
        joined: Whether the points of a group are joined by a line.
    """

    name: str
    title: str
    x_title: str
    y_title: str
    points: list[Points]
    joined: bool = False

    @property
    def categories(self) -> list[str]:
        """The categories of the horizontal axis; empty if it has numbers."""
        return list(dict.fromkeys(x for group in self.points for x in group.x if x == str(x)))


def plots_of(runs: Sequence[Run], users: ResampledUsers) -> list[Plot]:
    """Make the plots of the final runs of a study; those without points are left out."""
    plots = [gains(runs, users), learning_curves(runs), accuracy_by_time(runs)]
    return [plot for plot in plots if any(group.y for group in plot.points)]


def gains(runs: Sequence[Run], users: ResampledUsers) -> Plot:
    """Plot the AUC gained over the baseline per scenario, with intervals over test users."""
    grouped, groups = by_label(runs), []
    keys = {"all rows": "auc", **{name: f"auc@{name}" for name in scenarios_of(runs)}}
    for label, ours in grouped.items():
        if ours[0].baseline not in grouped:
            continue
        theirs = grouped[ours[0].baseline]
        if not users.same_rows(ours, theirs):
            continue
        means = {place: paired_difference(ours, theirs, key).mean for place, key in keys.items()}
        means = {place: mean for place, mean in means.items() if not math.isnan(mean)}
        intervals = [users.interval(ours, theirs, keys[place]) for place in means]
        ends = zip(*intervals, strict=True) if intervals and None not in intervals else ([], [])
        low, high = map(list, ends)
        name = f"{label} over {ours[0].baseline}"
        groups.append(Points(name, list(means), list(means.values()), low, high))
    return Plot("gain", "AUC gained over the baseline", "scenario", "test AUC", groups)


def learning_curves(runs: Sequence[Run]) -> Plot:
    """Plot the validation score after each epoch: mean and range over seeds.

    A curve ends with the seed that stopped first.
    """
    groups = []
    for label, ours in by_label(runs).items():
        steps = list(zip(*(run.curve for run in ours), strict=False))
        steps = [step for step in steps if None not in step]
        groups.append(
            Points(
                label,
                list(range(1, len(steps) + 1)),
                [fmean(step) for step in steps],
                [min(step) for step in steps],
                [max(step) for step in steps],
            )
        )
    title = "Validation score while training: mean and range over seeds"
    return Plot("curves", title, "evaluation", "validation score", groups, joined=True)


def accuracy_by_time(runs: Sequence[Run]) -> Plot:
    """Plot test AUC against seconds of training, one point per model."""
    groups = []
    for label, ours in by_label(runs).items():
        scores = [run.test.get("auc") for run in ours]
        seconds = [run.seconds.get("training") for run in ours]
        if None not in [*scores, *seconds]:
            groups.append(
                Points(label, [fmean(seconds)], [fmean(scores)], [min(scores)], [max(scores)])
            )
    return Plot("time", "Accuracy and training time", "training, s", "test AUC", groups)

"""Plots of a comparison: described once as points, drawn as interactive HTML and as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from recbole_llm4msr.evaluation.benchmark.bootstrap import ResampledUsers
from recbole_llm4msr.evaluation.benchmark.comparison import by_label, scenarios_of
from recbole_llm4msr.evaluation.benchmark.records import Run
from recbole_llm4msr.evaluation.benchmark.statistics import paired
from recbole_llm4msr.util.atomic_files import atomic_write


@dataclass(frozen=True)
class Points:
    """Points that belong together.

    Attributes:
        name: What the legend says.
        x: Where they are; texts are categories.
        y: How high.
        low: Lower ends of their intervals, empty without.
        high: Upper ends.
    """

    name: str
    x: list
    y: list[float]
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Plot:
    """What is drawn.

    Attributes:
        name: Name of its files.
        title: Title.
        x_title: What the horizontal axis says.
        y_title: What the vertical one says.
        points: What is drawn into it.
        joined: Whether the points of a group are joined by a line.
    """

    name: str
    title: str
    x_title: str
    y_title: str
    points: list[Points]
    joined: bool = False

    @property
    def places(self) -> list[str]:
        """The categories along the horizontal axis; empty where it has numbers."""
        return list(dict.fromkeys(x for group in self.points for x in group.x if x == str(x)))


def plots_of(runs: Sequence[Run], users: ResampledUsers) -> list[Plot]:
    """All plots that the final runs of a study give rise to."""
    plots = [gains(runs, users), learning_curves(runs), accuracy_by_time(runs)]
    return [plot for plot in plots if any(group.y for group in plot.points)]


def gains(runs: Sequence[Run], users: ResampledUsers) -> Plot:
    """AUC gained over the baseline in each scenario, with the interval over test users."""
    grouped, groups = by_label(runs), []
    places = {"all rows": "auc", **{name: f"auc@{name}" for name in scenarios_of(runs)}}
    for label, own in grouped.items():
        if own[0].baseline not in grouped:
            continue
        theirs = grouped[own[0].baseline]
        if not users.comparable(own, theirs):
            continue
        found = {place: paired(own, theirs, key).mean for place, key in places.items()}
        found = {place: gain for place, gain in found.items() if gain == gain}
        intervals = [users.interval(own, theirs, places[place]) for place in found]
        ends = zip(*intervals, strict=True) if intervals and None not in intervals else ([], [])
        low, high = map(list, ends)
        name = f"{label} over {own[0].baseline}"
        groups.append(Points(name, list(found), list(found.values()), low, high))
    return Plot("gain", "AUC gained over the baseline", "scenario", "test AUC", groups)


def learning_curves(runs: Sequence[Run]) -> Plot:
    """Validation score after each epoch, the mean over seeds, as far as all of them went."""
    groups = []
    for label, own in by_label(runs).items():
        steps = list(zip(*(run.curve for run in own), strict=False))
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
    """Test AUC against seconds of training, a point per model."""
    groups = []
    for label, own in by_label(runs).items():
        scores = [run.test.get("auc") for run in own]
        seconds = [run.seconds.get("training") for run in own]
        if None not in [*scores, *seconds]:
            groups.append(
                Points(label, [fmean(seconds)], [fmean(scores)], [min(scores)], [max(scores)])
            )
    return Plot("time", "Accuracy and training time", "training, s", "test AUC", groups)


def figure(plot: Plot):
    """The plot as a plotly figure."""
    from plotly.graph_objects import Figure, Scatter

    drawn = Figure(
        layout={
            "title": plot.title,
            "xaxis_title": plot.x_title,
            "yaxis_title": plot.y_title,
            "scattermode": "group" if plot.places else "overlay",  # points side by side
        }
    )
    for group in plot.points:
        drawn.add_trace(
            Scatter(
                name=group.name,
                x=group.x,
                y=group.y,
                mode="lines+markers" if plot.joined else "markers",
                error_y=_error_bars(group),
            )
        )
    return drawn


def _error_bars(group: Points) -> dict | None:
    if not group.low:
        return None
    # Rounding can put the mean of equal numbers a hair outside their range.
    up = [max(0.0, high - y) for y, high in zip(group.y, group.high, strict=True)]
    down = [max(0.0, y - low) for y, low in zip(group.y, group.low, strict=True)]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1}


def write_html(plot: Plot, path: Path) -> None:
    """Write it as a page that needs nothing else."""
    with atomic_write(path) as temporary:
        temporary.write_text(figure(plot).to_html(include_plotlyjs=True), encoding="utf-8")


def write_png(plot: Plot, path: Path) -> None:
    """Write it as a picture.

    Raises:
        ModuleNotFoundError: There is no matplotlib.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure as Picture

    n_groups = len(plot.points)
    # The legend stands below, a line for each group: names are long.
    picture = Picture(figsize=(8, 5 + 0.22 * n_groups), layout="constrained")
    axes = picture.add_subplot(title=plot.title, xlabel=plot.x_title, ylabel=plot.y_title)
    colours = colormaps["tab10" if n_groups <= 10 else "tab20"]
    for n, group in enumerate(plot.points):
        bars = _error_bars(group)
        error = None if bars is None else [bars["arrayminus"], bars["array"]]
        x = group.x
        if plot.places:  # side by side, since points of one place hide each other
            x = [plot.places.index(v) + 0.8 * ((n + 0.5) / n_groups - 0.5) for v in group.x]
        axes.errorbar(
            x,
            group.y,
            error,
            label=group.name,
            color=colours(n % colours.N),
            marker="o",
            linestyle="-" if plot.joined else "none",
            capsize=2,
        )
    if plot.places:
        axes.set_xticks(range(len(plot.places)), plot.places)
    axes.grid(alpha=0.3)
    picture.legend(loc="outside lower left", fontsize="small", frameon=False)
    with atomic_write(path) as temporary:
        picture.savefig(temporary, format="png", dpi=120)

"""Drawing of plots with matplotlib, as PNG and as HTML pages with an inline SVG."""

from __future__ import annotations

import html
import io
from pathlib import Path
from typing import TYPE_CHECKING

from recbole_llm4msr.evaluation.benchmark.report.plots import Plot, Points
from recbole_llm4msr.util.atomic_write import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(plot: Plot) -> Figure:
    """Draw a plot.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    n_groups = len(plot.points)
    # The legend is below the axes, one line per group: names are long.
    figure = Figure(figsize=(8, 5 + 0.22 * n_groups), layout="constrained")
    axes = figure.add_subplot(title=plot.title, xlabel=plot.x_title, ylabel=plot.y_title)
    colours = colormaps["tab10" if n_groups <= 10 else "tab20"]
    for n, group in enumerate(plot.points):
        x = group.x
        if plot.categories:  # side by side: points of one category would hide each other
            shift = 0.8 * ((n + 0.5) / n_groups - 0.5)
            x = [plot.categories.index(name) + shift for name in group.x]
        axes.errorbar(
            x,
            group.y,
            _error_bars(group),
            label=group.name,
            color=colours(n % colours.N),
            marker="o",
            linestyle="-" if plot.joined else "none",
            capsize=2,
        )
    if plot.categories:
        axes.set_xticks(range(len(plot.categories)), plot.categories)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower left", fontsize="small", frameon=False)
    return figure


def _error_bars(group: Points) -> list[list[float]] | None:
    """Lengths of the error bars below and above each point."""
    if not group.low:
        return None
    # By rounding, the mean of equal numbers can lie outside their range.
    below = [max(0.0, y - low) for y, low in zip(group.y, group.low, strict=True)]
    above = [max(0.0, high - y) for y, high in zip(group.y, group.high, strict=True)]
    return [below, above]


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def write_html(figure: Figure, title: str, path: Path) -> None:
    """Write a figure as a page of HTML that loads nothing; it can be enlarged without loss."""
    text = io.StringIO()
    figure.savefig(text, format="svg")
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]  # without the declarations of an XML file
    page = f'<!DOCTYPE html>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n{svg}'
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")

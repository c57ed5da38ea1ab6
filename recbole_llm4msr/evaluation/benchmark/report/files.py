"""Files of a report: tables as Markdown, LaTeX and CSV, plots as HTML and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from logging import getLogger
from pathlib import Path

from rich.progress import track

from recbole_llm4msr.evaluation.benchmark.execution import Run
from recbole_llm4msr.evaluation.benchmark.report.drawing import draw, write_html, write_png
from recbole_llm4msr.evaluation.benchmark.report.plots import plots_of
from recbole_llm4msr.evaluation.benchmark.report.tables import frame, latex, markdown
from recbole_llm4msr.evaluation.benchmark.statistics import (
    Comparison,
    ResampledUsers,
    by_label,
    compare,
    group_by_activity,
    metrics_of,
)
from recbole_llm4msr.util.atomic_write import atomic_write

NOTE = """
Mean ± sample deviation over seeds of the test metric; the best of a column is bold. *difference*
is to the baseline on all rows, *95 %* its bootstrap interval over test users, *p* a paired t-test
over seeds, corrected by Holm's method for the number of rows compared.
"""


def write_report(runs: Sequence[Run], folder: Path) -> tuple[list[Path], Comparison]:
    """Write tables (Markdown, LaTeX, CSV) and plots (HTML, PNG) of a study's final runs.

    Plots need matplotlib (extra ``benchmark``); without it a warning says that there are none.

    Args:
        runs: Final runs.
        folder: Folder of the benchmark, with its predictions.

    Returns:
        The files, and the comparison by the first metric.
    """
    users = ResampledUsers(folder)
    baselines = {run.baseline for run in runs} - {None}
    _bootstrap(users, [run for run in runs if run.baseline or run.run in baselines])
    _warn_of_other_rows(runs, users)
    comparisons = {metric: compare(runs, metric, users) for metric in metrics_of(runs)}
    files = _write_tables(runs, comparisons, users, folder) + _write_plots(runs, users, folder)
    return files, next(iter(comparisons.values()))


def _bootstrap(users: ResampledUsers, runs: Sequence[Run]) -> None:
    """Compute the bootstrap draws of the runs that are compared, which takes seconds each."""
    with_predictions = [run for run in runs if users.has_predictions(run)]
    if len(with_predictions) < len(runs):
        missing = len(runs) - len(with_predictions)
        getLogger().warning(f"no interval for {missing} runs: their predictions are not there")
    for run in track(with_predictions, "bootstrap over users", disable=not with_predictions):
        users.metrics(run)


def _warn_of_other_rows(runs: Sequence[Run], users: ResampledUsers) -> None:
    grouped = by_label(runs)
    for label, ours in grouped.items():
        baseline = ours[0].baseline
        if baseline in grouped and not users.same_rows(ours, grouped[baseline]):
            getLogger().warning(
                f"{label} was not tested on the same rows as {baseline}: they are not compared"
            )


def _write_tables(
    runs: Sequence[Run], comparisons: dict[str, Comparison], users: ResampledUsers, folder: Path
) -> list[Path]:
    titles = {name: name for name in comparisons}
    by_activity = group_by_activity(runs, folder)
    if by_activity:
        comparisons = {**comparisons, "activity": compare(by_activity, "auc", users)}
        titles["activity"] = "auc by how many training rows the user had"
    texts, sections = {}, []
    for name, comparison in comparisons.items():
        sections.append(f"## {titles[name]}\n\n{markdown(comparison)}")
        texts[f"{name}.tex"] = latex(comparison)
        texts[f"{name}.csv"] = frame(comparison).to_csv(index=False)
    texts["tables.md"] = "\n".join([f"# {runs[0].dataset}", NOTE, *sections])
    for name, text in texts.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _write_plots(runs: Sequence[Run], users: ResampledUsers, folder: Path) -> list[Path]:
    if find_spec("matplotlib") is None:
        getLogger().warning("no plots: matplotlib is missing (pip install matplotlib)")
        return []
    files = []
    for plot in plots_of(runs, users):
        figure = draw(plot)
        page, picture = (folder / f"{plot.name}.{ending}" for ending in ("html", "png"))
        write_html(figure, plot.title, page)
        write_png(figure, picture)
        files += [page, picture]
    return files

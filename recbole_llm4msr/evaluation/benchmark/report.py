"""Everything that a study's runs say, written into one folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from logging import getLogger
from pathlib import Path

from rich.progress import track

from recbole_llm4msr.evaluation.benchmark.activity import by_activity
from recbole_llm4msr.evaluation.benchmark.bootstrap import ResampledUsers
from recbole_llm4msr.evaluation.benchmark.comparison import (
    Comparison,
    by_label,
    compare,
    metrics_of,
)
from recbole_llm4msr.evaluation.benchmark.plots import plots_of, write_html, write_png
from recbole_llm4msr.evaluation.benchmark.records import Run
from recbole_llm4msr.evaluation.benchmark.tables import frame, latex, markdown
from recbole_llm4msr.util.atomic_files import atomic_write

NOTE = """
Mean ± sample deviation over seeds of the test metric; the best of a column is bold. *difference*
is to the baseline on all rows, *95 %* its bootstrap interval over test users, *p* a paired t-test
over seeds, corrected by Holm's method for the number of rows compared.
"""


def write_report(runs: Sequence[Run], folder: Path) -> tuple[list[Path], Comparison]:
    """Write tables (Markdown, LaTeX, CSV) and plots (HTML, PNG) of a study's final runs.

    Pictures need matplotlib, which the extra ``benchmark`` brings; without it there are none.

    Args:
        runs: The final runs.
        folder: Folder of the benchmark; predictions are looked for in it.

    Returns:
        The files, and the comparison by the first metric.
    """
    users = ResampledUsers(folder)
    compared = {run.baseline for run in runs} - {None}
    _draw(users, [run for run in runs if run.baseline or run.run in compared])
    grouped = by_label(runs)
    for label, own in grouped.items():
        other = own[0].baseline
        if other in grouped and not users.comparable(own, grouped[other]):
            getLogger().warning(
                f"{label} was not tested on the same rows as {other}: there is no difference to say"
            )
    files: list[Path] = []
    texts: list[str] = []

    def write(name: str, text: str) -> None:
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        files.append(folder / name)

    def table(name: str, title: str, found: Comparison) -> None:
        texts.append(f"## {title}\n\n{markdown(found)}")
        write(f"{name}.tex", latex(found))
        write(f"{name}.csv", frame(found).to_csv(index=False))

    comparisons = [compare(runs, metric, users) for metric in metrics_of(runs)]
    for found in comparisons:
        table(found.metric, found.metric, found)
    active = by_activity(runs, folder)
    if active:
        title = "auc by how many training rows the user had"
        table("activity", title, compare(active, "auc", users))
    write("tables.md", "\n".join([f"# {runs[0].dataset}", NOTE, *texts]))

    has_pictures = find_spec("matplotlib") is not None
    if not has_pictures:
        getLogger().warning("no PNG: matplotlib is missing (pip install matplotlib)")
    for plot in plots_of(runs, users):
        write_html(plot, folder / f"{plot.name}.html")
        files.append(folder / f"{plot.name}.html")
        if has_pictures:
            write_png(plot, folder / f"{plot.name}.png")
            files.append(folder / f"{plot.name}.png")
    return files, comparisons[0]


def _draw(users: ResampledUsers, runs: Sequence[Run]) -> None:
    """Make the draws of every run that an interval is made of, which takes seconds for each."""
    with_rows = [run for run in runs if users.has(run)]
    if len(with_rows) < len(runs):
        missing = len(runs) - len(with_rows)
        getLogger().warning(f"no interval for {missing} runs: their predictions are not there")
    for run in track(with_rows, "drawing test users", disable=not with_rows):
        users.metrics(run)

"""The command ``predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from recbole_llm4msr.cli.errors import err, report_errors

app = typer.Typer(add_completion=False)
out = Console(highlight=False)

Artefact = Annotated[Path, typer.Option(help="Folder that `export` wrote.")]
OnUnknown = Annotated[
    str,
    typer.Option(
        "--on-unknown", help="Unknown users and items: error, or score (as unknown ones)."
    ),
]
Threads = Annotated[int, typer.Option(min=0, help="Threads of the scoring; 0: all cores.")]


@app.command()
@report_errors
def predict(
    artefact: Artefact,
    input: Annotated[Path, typer.Option(help="Rows: .parquet, .csv, .tsv or .inter.")],
    output: Annotated[Path, typer.Option(help="File to write: .parquet, .csv or .tsv.")],
    on_unknown: OnUnknown = "error",
    threads: Threads = 0,
) -> None:
    """Score the rows of a file: its columns and `score`, the click probability, are written.

    Rows have raw tokens. They are read in blocks, so that memory does not grow with the file, and
    the output appears when it is complete.
    """
    from recbole_llm4msr.serving import Scorer, predict_file

    scorer = Scorer.load(artefact, threads=threads)
    columns = (
        TextColumn("scoring"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("scoring", total=None, rows=0, rate=0.0)

        def show(rows: int, position: int, size: int) -> None:
            seconds = progress.tasks[0].elapsed or 0
            rate = rows / seconds if seconds else 0.0
            progress.update(task, total=size, completed=position, rows=rows, rate=rate)

        n_rows = predict_file(scorer, input, output, on_unknown=on_unknown, report_progress=show)
        seconds = progress.tasks[0].elapsed or 0
    rate = f" ({n_rows / seconds:,.0f} rows/s)" if seconds else ""
    out.print(f"wrote {n_rows:,} rows to {output} in {seconds:.1f} s{rate}", soft_wrap=True)

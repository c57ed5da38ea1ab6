"""The command ``predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from recbole_llm4msr.cli.errors import err, report_errors

if TYPE_CHECKING:
    from recbole_llm4msr.serving import Scorer

app = typer.Typer(add_completion=False)
out = Console(highlight=False)

Artefact = Annotated[Path, typer.Option(help="Folder that `export` wrote.")]
OnUnknown = Annotated[
    str,
    typer.Option(
        "--on-unknown", help="Unknown users and items: error, or score (as unknown ones)."
    ),
]
History = Annotated[
    Path | None,
    typer.Option(
        help="Interactions of new users (.parquet, .csv, .tsv or .inter), from which their layers "
        "are made; export with --with-encoder."
    ),
]
Llm = Annotated[
    str | None,
    typer.Option(help="Where the language model is, if not where it was in training."),
]
Threads = Annotated[int, typer.Option(min=0, help="Threads of the scoring; 0: all cores.")]


@app.command()
@report_errors
def predict(
    artefact: Artefact,
    input: Annotated[
        Path,
        typer.Option(help="Rows: .parquet, .csv, .tsv or .inter; for ray a folder of .parquet."),
    ],
    output: Annotated[
        Path, typer.Option(help="File to write: .parquet, .csv or .tsv; for ray a folder.")
    ],
    on_unknown: OnUnknown = "error",
    history: History = None,
    llm: Llm = None,
    threads: Threads = 0,
    engine: Annotated[
        str,
        typer.Option(help="local, or ray: the files of a folder by the workers of a Ray cluster."),
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers of ray; by default one a core.")
    ] = None,
) -> None:
    """Score the rows of a file: its columns and `score`, the click probability, are written.

    Rows have raw tokens. They are read in blocks, so that memory does not grow with the file, and
    the output appears when it is complete.
    """
    if engine not in ("local", "ray"):
        raise ValueError(f"engine: {engine!r} is neither local nor ray")
    if engine == "ray":
        if history is not None or llm is not None or threads:
            raise ValueError("engine: ray takes neither --history nor --llm nor --threads")
        _on_ray(artefact, input, output, on_unknown, workers)
        return
    if workers is not None:
        raise ValueError("workers: they are of --engine=ray; --threads is for one machine")
    from recbole_llm4msr.serving import Scorer, predict_file

    scorer = load_scorer(Scorer.load(artefact, threads=threads), history, llm)
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


def _on_ray(
    artefact: Path, source: Path, target: Path, on_unknown: str, workers: int | None
) -> None:
    from recbole_llm4msr.serving.predict_on_ray import predict_on_ray

    columns = (
        TextColumn("scoring"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("scoring", total=None, rows=0)
        n_rows = predict_on_ray(
            artefact,
            source,
            target,
            on_unknown=on_unknown,
            workers=workers,
            report_progress=lambda rows, done, of: progress.update(
                task, total=of, completed=done, rows=rows
            ),
        )
        seconds = progress.tasks[0].elapsed or 0
    out.print(f"wrote {n_rows:,} rows to {target} in {seconds:.1f} s", soft_wrap=True)


def load_scorer(scorer: Scorer, history: Path | None, llm: str | None) -> Scorer:
    """Return the scorer with the layers of the users of a file, where there is one.

    Raises:
        ValueError: The file or the artefact cannot be used, or ``llm`` is given without the file.
    """
    if history is None:
        if llm is not None:
            raise ValueError("llm: it encodes the prompts of --history, which is not given")
        return scorer
    from recbole_llm4msr.serving.errors import InputError
    from recbole_llm4msr.serving.new_users import with_history
    from recbole_llm4msr.serving.row_files import read_rows

    columns = (TextColumn("encoding prompts"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("encoding", total=None)
        try:
            return with_history(
                scorer,
                read_rows(history),
                llm=llm,
                report=lambda done, of: progress.update(task, completed=done, total=of),
            )
        except InputError as error:
            raise InputError(f"{history}: {error}") from error

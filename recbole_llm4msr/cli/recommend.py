"""The command ``recommend``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recbole_llm4msr.cli.errors import report_errors
from recbole_llm4msr.cli.predict import Artefact, History, Llm, OnUnknown, Threads, load_scorer

app = typer.Typer(add_completion=False)
out = Console(highlight=False)


@app.command()
@report_errors
def recommend(
    artefact: Artefact,
    users: Annotated[str, typer.Option(help="Users, as u1,u2, or a file with one a line.")],
    scenario: Annotated[str | None, typer.Option(help="Raw token of the scenario.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Items for each user.")] = 10,
    candidates: Annotated[
        Path | None, typer.Option(help="File with one item a line; by default all items.")
    ] = None,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen", help="Leave out the items of the training rows.")
    ] = False,
    on_unknown: OnUnknown = "error",
    history: History = None,
    llm: Llm = None,
    threads: Threads = 0,
    output: Annotated[
        Path | None, typer.Option(help="File to write: .parquet, .csv or .tsv.")
    ] = None,
) -> None:
    """Print, or write, the items of highest probability of users in one scenario."""
    from recbole_llm4msr.serving import Scorer
    from recbole_llm4msr.serving.row_files import read_lines, write_frame

    names = read_lines(Path(users)) if Path(users).is_file() else users.split(",")
    items = None if candidates is None else read_lines(candidates)
    scorer = load_scorer(Scorer.load(artefact, threads=threads), history, llm)
    found = scorer.recommend(names, scenario, k, items, exclude_seen, on_unknown=on_unknown)
    if output is not None:
        write_frame(found, output)
        out.print(f"wrote {len(found):,} rows to {output}", soft_wrap=True)
        return
    table = Table()
    for name in found.columns:
        table.add_column(name, justify="right" if name in ("rank", "score") else "left")
    for user, rank, item, score in found.iter_rows():
        table.add_row(escape(user), str(rank), escape(item), f"{score:.4f}")
    out.print(table)

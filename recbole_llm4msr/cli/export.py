"""The command ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from recbole_llm4msr.cli.errors import err, report_errors

app = typer.Typer(add_completion=False)
out = Console(highlight=False)


@app.command()
@report_errors
def export(
    model_file: Annotated[Path, typer.Option("--model_file", help="Checkpoint (.pth) of a run.")],
    output: Annotated[Path, typer.Option(help="Folder to make.")],
    data_path: Annotated[
        Path | None,
        typer.Option("--data_path", help="Where the data set is now, if it was moved."),
    ] = None,
    user_layers: Annotated[
        str, typer.Option(help="Stored user layers: float32, float16 or int8.")
    ] = "float32",
    with_history: Annotated[
        bool,
        typer.Option(
            "--with-history",
            help="Store the items of every user's training rows, for --exclude-seen. These are "
            "training data.",
        ),
    ] = False,
    with_encoder: Annotated[
        bool,
        typer.Option(
            "--with-encoder",
            help="Store template, texts of items and encoder, so that `predict --history` can make "
            "the layers of new users.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an exported model of that name.")
    ] = False,
) -> None:
    """Write a trained model as a folder that is used without RecBole, torch and training data.

    The folder appears when it is complete and its scores of the test rows are those of torch.
    `recbole-llm4msr predict` and `recommend` and recbole_llm4msr.serving.Scorer use it.
    """
    if not model_file.is_file():
        raise ValueError(f"{model_file}: there is no such checkpoint")
    from recbole_llm4msr.serving.export.run import export_checkpoint

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("loading data and model")
        manifest = export_checkpoint(
            model_file,
            output,
            data_path=data_path,
            user_layers=user_layers,
            with_history=with_history,
            with_encoder=with_encoder,
            overwrite=overwrite,
            report=lambda step: progress.update(task, description=step),
        )
    check = manifest["check"]
    out.print(
        f"{manifest['model']} is exported to {output}: {check['rows']:,} test rows score as in "
        f"torch, to {check['difference']:.1g}",
        soft_wrap=True,
    )
    auc = manifest["test"].get("auc")
    if auc is not None:
        cost = (manifest["user_layer"] or {}).get("difference_to_float32", {}).get("auc")
        more = "" if cost is None else f" ({cost:+.6f} by user layers in {user_layers})"
        out.print(f"test AUC {auc:.4f}{more}")

"""Command simulate: write simulated raw files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dataset_converters.cli.common import Quiet, plain_errors
from dataset_converters.simulation import simulate_kuaisar
from dataset_converters.writing import Reporter


def kuaisar(
    output: Annotated[
        Path, typer.Option(help="Folder for the raw files; must be empty or not exist.")
    ],
    scale: Annotated[
        str,
        typer.Option(help="Share of the full release's users, items and rows, or small or full."),
    ] = "0.01",
    seed: Annotated[int, typer.Option(help="Seed of the random generator.")] = 1,
    quiet: Quiet = False,
) -> None:
    """Write simulated KuaiSAR raw files with a planted cross-scenario interest.

    truth.json beside them has the planted effect and the best AUC that a model can reach.

    Example: python -m dataset_converters simulate kuaisar --output raw --scale 0.01
    """
    with plain_errors():
        truth = simulate_kuaisar(output, scale=scale, seed=seed, reporter=Reporter(quiet=quiet))
        truth.show(Console())

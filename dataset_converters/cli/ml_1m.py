"""Command ml-1m: convert MovieLens 1M."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dataset_converters.cli.common import (
    KCore,
    MaxBadRows,
    Output,
    Overwrite,
    Quiet,
    plain_errors,
)
from dataset_converters.ml_1m import Ml1mOptions, convert_ml_1m
from dataset_converters.writing import Reporter


def ml_1m(
    input: Annotated[Path, typer.Option(help="ml-1m.zip, or a folder with its .dat files.")],
    output: Output,
    threshold: Annotated[float, typer.Option(help="Lowest rating that is positive.")] = 4.0,
    k_core: KCore = 0,
    max_bad_rows: MaxBadRows = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Convert MovieLens 1M: scenarios are viewers under 25, of 25 to 34, of 35 and older.

    The zip archive is read directly; nothing is unpacked to disk.

    Example: python -m dataset_converters ml-1m --input ml-1m.zip --output dataset/ml-1m
    """
    with plain_errors():
        options = Ml1mOptions(threshold, k_core, max_bad_rows, overwrite)
        convert_ml_1m(input, output, options, Reporter(quiet=quiet)).show(Console())

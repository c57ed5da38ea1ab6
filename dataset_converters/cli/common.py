"""Options that several commands share, and expected errors as one message."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dataset_converters.errors import ConverterError

Output = Annotated[
    Path, typer.Option(help="Folder of the data set; its name is the name of the data set.")
]
MaxBadRows = Annotated[
    int, typer.Option(min=0, help="Bad rows to accept; they go to rejected.jsonl with the reason.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing data set.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress bar.")]
KCore = Annotated[
    int, typer.Option(min=0, help="Keep users and items with at least N rows, over all scenarios.")
]
Since = Annotated[str | None, typer.Option(help="First moment to keep: a date or unix seconds.")]
Until = Annotated[str | None, typer.Option(help="First moment not to keep.")]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print expected errors as one message without traceback; clean up on SIGTERM."""
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    except (ConverterError, OSError) as error:
        Console(stderr=True).print(
            f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        raise typer.Exit(1) from error
    finally:
        signal.signal(signal.SIGTERM, previous)

"""Command amazon: convert Amazon reviews."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dataset_converters.amazon import AmazonOptions, convert_amazon
from dataset_converters.cli.common import (
    KCore,
    MaxBadRows,
    Output,
    Overwrite,
    Quiet,
    Since,
    Until,
    plain_errors,
)
from dataset_converters.writing import Reporter


def amazon(
    input: Annotated[
        Path, typer.Option(help="Folder with the review files and, if wanted, meta_* files.")
    ],
    output: Output,
    categories: Annotated[
        list[str] | None,
        typer.Option(help="Categories, named as in the files; each is a scenario. Default: all."),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    release: Annotated[
        str | None, typer.Option(help="2014, 2018 or 2023. Default: detected from the files.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Lowest rating that is positive.")] = 4.0,
    implicit: Annotated[
        bool, typer.Option("--implicit", help="Every review is positive; negatives are sampled.")
    ] = False,
    negatives: Annotated[
        int, typer.Option(min=1, help="Negatives per positive, with --implicit.")
    ] = 1,
    sampling: Annotated[
        str, typer.Option(help="Sample negatives by popularity (count ** 0.75) or uniform.")
    ] = "popularity",
    seed: Annotated[int, typer.Option(help="Seed of the negatives.")] = 2024,
    k_core: KCore = 0,
    shared_users: Annotated[
        bool,
        typer.Option("--shared-users", help="Keep only users with rows in two scenarios or more."),
    ] = False,
    repeats: Annotated[
        str,
        typer.Option(
            help="Rows of one user, item and scenario: keep all, or merge them to the latest."
        ),
    ] = "keep",
    since: Since = None,
    until: Until = None,
    no_meta: Annotated[bool, typer.Option("--no-meta", help="Do not read meta_* files.")] = False,
    allow_truncated: Annotated[
        bool,
        typer.Option(
            "--allow-truncated", help="Use a truncated gzip file up to its last whole line."
        ),
    ] = False,
    max_bad_rows: MaxBadRows = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Convert Amazon reviews (2014, 2018, 2023): a category is a scenario.

    Exact duplicate rows are dropped and counted. Options are applied in this order: time range,
    repeats, shared users and k-core together, label or sampled negatives.

    Example: python -m dataset_converters amazon --input raw --output dataset/amazon
    --categories Beauty Sports_and_Outdoors Toys_and_Games --k-core 5
    """
    with plain_errors():
        options = AmazonOptions(
            # An option takes one value; further names arrive as arguments.
            categories=(*(categories or ()), *(more or ())),
            release=release,
            threshold=threshold,
            implicit=implicit,
            negatives=negatives,
            sampling=sampling,
            seed=seed,
            k_core=k_core,
            shared_users=shared_users,
            repeats=repeats,
            since=since,
            until=until,
            meta=not no_meta,
            allow_truncated=allow_truncated,
            max_bad_rows=max_bad_rows,
            overwrite=overwrite,
        )
        report = convert_amazon(input, output, options, Reporter(quiet=quiet))
        report.show(Console())

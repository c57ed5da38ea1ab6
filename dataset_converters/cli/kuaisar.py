"""Command kuaisar: convert KuaiSAR."""

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
    Since,
    Until,
    plain_errors,
)
from dataset_converters.kuaisar import KuaisarOptions, convert_kuaisar
from dataset_converters.writing import Reporter


def kuaisar(
    input: Annotated[Path, typer.Option(help="KuaiSAR.zip, KuaiSAR_v2.zip, or a folder of CSVs.")],
    output: Output,
    release: Annotated[
        str | None, typer.Option(help="small or full. Default: detected from the files.")
    ] = None,
    item_types: Annotated[
        str, typer.Option(help="Types of search results to keep, separated by commas, or all.")
    ] = "VIDEO,IMAGE_ATLAS",
    repeats: Annotated[
        str,
        typer.Option(
            help="Rows of one item in one search session: keep all, or merge them into one that "
            "is positive if any was clicked."
        ),
    ] = "keep",
    k_core: KCore = 0,
    since: Since = None,
    until: Until = None,
    sample_users: Annotated[
        int | None, typer.Option(min=1, help="Keep this many users, sampled at random.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the user sample.")] = 2024,
    query: Annotated[
        bool, typer.Option("--query", help="Write the query words as keyword:token_seq.")
    ] = False,
    caption: Annotated[
        bool, typer.Option("--caption", help="Write the caption words as caption:token_seq.")
    ] = False,
    max_bad_rows: MaxBadRows = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Convert KuaiSAR or KuaiSAR-small: scenarios search and recommendation.

    Options are applied in this order: item types and time range, repeats, sampled users, k-core.
    A zip archive is read directly; nothing is unpacked to disk.

    Example: python -m dataset_converters kuaisar --input KuaiSAR_v2.zip --output dataset/kuaisar
    """
    with plain_errors():
        options = KuaisarOptions(
            release=release,
            item_types=tuple(name.strip() for name in item_types.split(",") if name.strip()),
            repeats=repeats,
            k_core=k_core,
            since=since,
            until=until,
            sample_users=sample_users,
            seed=seed,
            query=query,
            caption=caption,
            max_bad_rows=max_bad_rows,
            overwrite=overwrite,
        )
        report = convert_kuaisar(input, output, options, Reporter(quiet=quiet))
        report.show(Console())

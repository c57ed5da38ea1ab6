"""Command download: fetch, verify and convert a known data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataset_converters.cli.common import Quiet, plain_errors
from dataset_converters.download import prepare_dataset, read_download_section


def download(
    properties: Annotated[
        Path,
        typer.Argument(help="Properties of a data set, such as properties/dataset/kuaisar.yaml."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set. Default: dataset/NAME."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Download, verify and convert the data set that a properties file describes.

    It resumes an interrupted download, and uses archives that were put in place by hand.

    Example: python -m dataset_converters download properties/dataset/kuaisar-small.yaml
    """
    with plain_errors():
        name = properties.stem
        source = read_download_section(properties)
        prepare_dataset(name, source, output or Path("dataset") / name, quiet=quiet)

"""Command line of the converters: kuaisar, amazon, download, simulate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dataset_converters.amazon import AmazonOptions, convert_amazon
from dataset_converters.download import prepare_dataset, read_download_section
from dataset_converters.errors import ConverterError
from dataset_converters.kuaisar import KuaisarOptions, convert_kuaisar
from dataset_converters.simulation import simulate_kuaisar
from dataset_converters.writing import Reporter

app = typer.Typer(
    help="Convert published raw logs to RecBole atomic files with a scenario field.\n\n"
    "Release and layout are detected from the files. The name of the output folder is the name "
    "of the data set, which a run then selects with --dataset=NAME.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
simulate = typer.Typer(
    help="Write simulated raw files to a published schema, with known truth.", no_args_is_help=True
)
app.add_typer(simulate, name="simulate")

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
def _plain_errors() -> Iterator[None]:
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


@app.command()
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
    with _plain_errors():
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


@app.command()
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
    with _plain_errors():
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


@app.command()
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
    with _plain_errors():
        name = properties.stem
        source = read_download_section(properties)
        prepare_dataset(name, source, output or Path("dataset") / name, quiet=quiet)


@simulate.command("kuaisar")
def simulate_kuaisar_command(
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
    with _plain_errors():
        truth = simulate_kuaisar(output, scale=scale, seed=seed, reporter=Reporter(quiet=quiet))
        truth.show(Console())

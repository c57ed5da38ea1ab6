"""Command table: convert any log."""

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
from dataset_converters.errors import ConverterError
from dataset_converters.table import TableOptions, convert_table
from dataset_converters.table.show import show_plan
from dataset_converters.writing import Reporter

_COLUMNS, _SIDE, _ROWS, _FILES = "Columns", "Users and items", "Rows", "Format of the files"


def table(
    input: Annotated[
        list[Path],
        typer.Option(help="Files of the log: .csv, .tsv, .jsonl, each also with .gz, or .parquet."),
    ],
    output: Output,
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    user: Annotated[str | None, typer.Option(help="User.", rich_help_panel=_COLUMNS)] = None,
    item: Annotated[str | None, typer.Option(help="Item.", rich_help_panel=_COLUMNS)] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Label: 0/1, true/false or yes/no.", rich_help_panel=_COLUMNS),
    ] = None,
    rating: Annotated[
        str | None,
        typer.Option(help="Rating, positive from --threshold on.", rich_help_panel=_COLUMNS),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Lowest positive rating. Default: 4.", rich_help_panel=_COLUMNS),
    ] = None,
    implicit: Annotated[
        bool,
        typer.Option(
            "--implicit",
            help="Every row is positive, negatives are sampled: the default without a label and a "
            "rating.",
            rich_help_panel=_COLUMNS,
        ),
    ] = False,
    scenario: Annotated[
        str | None, typer.Option(help="Scenario.", rich_help_panel=_COLUMNS)
    ] = None,
    scenario_from: Annotated[
        str | None,
        typer.Option(
            help="In place of --scenario: item.COLUMN or user.COLUMN (of --items, --users), or "
            "file (name of the input file).",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Time, or none.", rich_help_panel=_COLUMNS)
    ] = None,
    time_zone: Annotated[
        str,
        typer.Option(
            help="Zone of dates without one, such as Europe/Berlin.", rich_help_panel=_COLUMNS
        ),
    ] = "UTC",
    features: Annotated[
        str,
        typer.Option(
            help="Further columns of the log that are known before the outcome, by commas.",
            rich_help_panel=_COLUMNS,
        ),
    ] = "",
    type: Annotated[
        list[str] | None,
        typer.Option(
            help="COLUMN=token, float, token_seq or float_seq, in place of the guessed type.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    items: Annotated[
        list[Path] | None, typer.Option(help="File that describes items.", rich_help_panel=_SIDE)
    ] = None,
    items_key: Annotated[
        str | None, typer.Option(help="Its column of the item.", rich_help_panel=_SIDE)
    ] = None,
    text: Annotated[
        str,
        typer.Option(help="Its columns with texts for prompts, by commas.", rich_help_panel=_SIDE),
    ] = "",
    users: Annotated[
        list[Path] | None, typer.Option(help="File that describes users.", rich_help_panel=_SIDE)
    ] = None,
    users_key: Annotated[
        str | None, typer.Option(help="Its column of the user.", rich_help_panel=_SIDE)
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            help="Prompts: generic, movie, product or short_video.", rich_help_panel=_SIDE
        ),
    ] = "generic",
    negatives: Annotated[
        int | None,
        typer.Option(help="Sampled negatives per positive. Default: 1.", rich_help_panel=_ROWS),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            help="Sample negatives by popularity (count ** 0.75, the default) or uniform.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the negatives. Default: 2024.", rich_help_panel=_ROWS),
    ] = None,
    k_core: KCore = 0,
    since: Since = None,
    until: Until = None,
    repeats: Annotated[
        str,
        typer.Option(
            help="Rows of one user, item and scenario: keep all, or merge them to the latest.",
            rich_help_panel=_ROWS,
        ),
    ] = "keep",
    separator: Annotated[
        str | None,
        typer.Option(
            help="Separator of a text file; tab is one. Default: found in the first line.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    header: Annotated[
        str,
        typer.Option(
            help="Column names of text files without a header, by commas.", rich_help_panel=_FILES
        ),
    ] = "",
    no_quotes: Annotated[
        bool,
        typer.Option(
            "--no-quotes",
            help="Double quotes are characters like any other.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    encoding: Annotated[
        str, typer.Option(help="Encoding of text files.", rich_help_panel=_FILES)
    ] = "utf-8",
    allow_truncated: Annotated[
        bool,
        typer.Option(
            "--allow-truncated",
            help="Use a truncated gzip file up to its last whole line.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    max_bad_rows: MaxBadRows = 0,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and count everything, and write nothing.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Convert any log: CSV, TSV, JSON lines or parquet.

    Columns that are not named are guessed by usual names (user_id, movieId, click, stars,
    timestamp, domain, ...); the guesses are shown before anything is written.

    Example: python -m dataset_converters table --input log.csv --output dataset/mine
    --user uid --item iid --label click --scenario tab --time ts
    """
    with plain_errors():
        options = TableOptions(
            user=user,
            item=item,
            label=label,
            rating=rating,
            threshold=threshold,
            implicit=implicit,
            negatives=negatives,
            sampling=sampling,
            seed=seed,
            scenario=scenario,
            scenario_from=scenario_from,
            time=time,
            time_zone=time_zone,
            items=tuple(items or ()),
            items_key=items_key,
            text=_names(text),
            users=tuple(users or ()),
            users_key=users_key,
            features=_names(features),
            types=_types(type or []),
            template=template,
            k_core=k_core,
            since=since,
            until=until,
            repeats=repeats,
            separator={"tab": "\t", "\\t": "\t"}.get(separator or "", separator),
            header=_names(header),
            quotes=not no_quotes,
            encoding=encoding,
            allow_truncated=allow_truncated,
            max_bad_rows=max_bad_rows,
            overwrite=overwrite,
        )
        console = Console()
        report = convert_table(
            # An option takes one value; further files arrive as arguments.
            [*input, *(more or [])],
            output,
            options,
            Reporter(quiet=quiet),
            show=lambda plan: show_plan(plan, options, console),
            dry_run=dry_run,
        )
        report.show(console)
        console.print(f"  {_last_line(output, dry_run)}", highlight=False, soft_wrap=True)


def _last_line(output: Path, dry_run: bool) -> str:
    """Return what to do next."""
    if dry_run:
        return "Nothing was written (--dry-run)."
    folder = output.absolute()
    path = "" if folder.parent.name == "dataset" else f" --data_path={output.parent}"
    return f"Train: python run_recbole.py --model=LLM4MSR_STAR --dataset={folder.name}{path}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _types(words: list[str]) -> dict[str, str]:
    types = {}
    for word in words:
        column, equals, kind = word.rpartition("=")
        if not equals:
            raise ConverterError(f"--type={word}: must be COLUMN=TYPE, such as price=float")
        types[column] = kind
    return types

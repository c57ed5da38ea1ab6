"""Command table: convert any log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.models import OptionInfo

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


def _option(panel: str, help: str, *names: str) -> OptionInfo:
    return typer.Option(*names, help=help, rich_help_panel=panel)


def table(
    input: Annotated[
        list[Path],
        typer.Option(
            help="Files of the log, or their folder: .csv, .tsv, .jsonl, each also with .gz, or "
            ".parquet."
        ),
    ],
    output: Output,
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    user: Annotated[str | None, _option(_COLUMNS, "User.")] = None,
    item: Annotated[str | None, _option(_COLUMNS, "Item.")] = None,
    label: Annotated[
        str | None, _option(_COLUMNS, "Label: 0 and 1, true and false, or yes and no.")
    ] = None,
    rating: Annotated[str | None, _option(_COLUMNS, "Rating, in place of a label.")] = None,
    threshold: Annotated[
        float | None, _option(_COLUMNS, "Lowest positive rating. Default: 4.")
    ] = None,
    implicit: Annotated[
        bool,
        _option(
            _COLUMNS,
            "Every row is positive and negatives are sampled, as where no label and no rating is "
            "found.",
            "--implicit",
        ),
    ] = False,
    scenario: Annotated[str | None, _option(_COLUMNS, "Scenario.")] = None,
    scenario_from: Annotated[
        str | None,
        _option(
            _COLUMNS,
            "In place of --scenario: item.COLUMN or user.COLUMN (of --items, --users), or file "
            "(name of the input file).",
        ),
    ] = None,
    time: Annotated[str | None, _option(_COLUMNS, "Time, or none.")] = None,
    time_zone: Annotated[
        str, _option(_COLUMNS, "Zone of dates without one, such as Europe/Berlin.")
    ] = "UTC",
    features: Annotated[
        str,
        _option(
            _COLUMNS, "Further columns of the log that are known before the outcome, by commas."
        ),
    ] = "",
    type: Annotated[
        list[str] | None,
        _option(
            _COLUMNS,
            "COLUMN=token, float, token_seq or float_seq, in place of the guessed type.",
        ),
    ] = None,
    items: Annotated[list[Path] | None, _option(_SIDE, "File that describes items.")] = None,
    items_key: Annotated[str | None, _option(_SIDE, "Its column of the item.")] = None,
    text: Annotated[
        str, _option(_SIDE, "Columns of items with texts for prompts, by commas.")
    ] = "",
    users: Annotated[list[Path] | None, _option(_SIDE, "File that describes users.")] = None,
    users_key: Annotated[str | None, _option(_SIDE, "Its column of the user.")] = None,
    item_columns: Annotated[
        str,
        _option(
            _SIDE, "In place of --items: columns of the log that describe the item, by commas."
        ),
    ] = "",
    user_columns: Annotated[
        str,
        _option(
            _SIDE, "In place of --users: columns of the log that describe the user, by commas."
        ),
    ] = "",
    template: Annotated[
        str, _option(_SIDE, "Prompts: generic, movie, product or short_video.")
    ] = "generic",
    negatives: Annotated[
        int | None, _option(_ROWS, "Sampled negatives per positive. Default: 1.")
    ] = None,
    sampling: Annotated[
        str | None,
        _option(_ROWS, "Sample negatives by popularity (count ** 0.75, the default) or uniform."),
    ] = None,
    seed: Annotated[int | None, _option(_ROWS, "Seed of the negatives. Default: 2024.")] = None,
    k_core: KCore = 0,
    since: Since = None,
    until: Until = None,
    repeats: Annotated[
        str,
        _option(
            _ROWS, "Rows of one user, item and scenario: keep all, or merge them to the latest."
        ),
    ] = "keep",
    separator: Annotated[
        str | None,
        _option(_FILES, "Separator of --input, or tab. Default: found in the first line."),
    ] = None,
    header: Annotated[
        str, _option(_FILES, "Column names of --input where it has no header, by commas.")
    ] = "",
    no_quotes: Annotated[
        bool, _option(_FILES, "Double quotes are characters like any other.", "--no-quotes")
    ] = False,
    encoding: Annotated[str, _option(_FILES, "Encoding of text files.")] = "utf-8",
    allow_truncated: Annotated[
        bool,
        _option(
            _FILES, "Use a truncated gzip file up to its last whole line.", "--allow-truncated"
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
            item_columns=_names(item_columns),
            user_columns=_names(user_columns),
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
        if not dry_run:
            console.print(
                f"  {_next_command(output)}", highlight=False, markup=False, soft_wrap=True
            )


def _next_command(output: Path) -> str:
    """Return the command that trains on the data set."""
    folder = output.absolute()
    path = "" if folder.parent == Path("dataset").absolute() else f" --data_path={output.parent}"
    return f"Train: recbole-llm4msr --model=LLM4MSR_STAR --dataset={folder.name}{path}"


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

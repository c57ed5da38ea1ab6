"""Command line of the converters, a file a command."""

from __future__ import annotations

import typer

from dataset_converters.cli.amazon import amazon
from dataset_converters.cli.download import download
from dataset_converters.cli.kuaisar import kuaisar
from dataset_converters.cli.ml_1m import ml_1m
from dataset_converters.cli.simulate import kuaisar as simulate_kuaisar
from dataset_converters.cli.table import table

app = typer.Typer(
    help="Convert logs to RecBole atomic files with a scenario field: any table, or published raw "
    "files.\n\nThe name of the output folder is the name of the data set, which a run then selects "
    "with --dataset=NAME.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
simulate = typer.Typer(
    help="Write simulated raw files to a published schema, with known truth.", no_args_is_help=True
)
for command in (table, kuaisar, amazon, ml_1m, download):
    app.command()(command)
simulate.command()(simulate_kuaisar)
app.add_typer(simulate, name="simulate")

__all__ = ["app"]

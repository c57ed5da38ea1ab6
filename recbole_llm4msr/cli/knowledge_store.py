"""The commands ``knowledge list``, ``verify`` and ``merge``: what is in a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from recbole_llm4msr.cli.errors import err, report_errors
from recbole_llm4msr.cli.knowledge_settings import Store, open_store

if TYPE_CHECKING:
    from recbole_llm4msr.knowledge.store.maintenance import CheckedFile

out = Console()

_COLUMNS = "encoder,model,vectors,chunks,MB,tokens,s,ms each,last".split(",")


@report_errors
def list_(
    context: typer.Context,
    store: Store = None,
    dataset: Annotated[str | None, typer.Option(help="The store of this data set.")] = None,
) -> None:
    """List encoders with vectors and cost, prepared knowledge, and damaged files of a store."""
    opened = open_store(context, store, dataset)
    from recbole_llm4msr.knowledge.store import maintenance
    from recbole_llm4msr.knowledge.store.prepared import manifests_in

    table = Table(title=f"Vectors in {' and '.join(map(str, opened.folders))}")
    for name in _COLUMNS:
        table.add_column(name, overflow="fold")
    with err.status("reading the store"):
        checked = list(maintenance.verify(opened))
    for shelf in maintenance.shelves_of(opened):
        each = 1000 * shelf.seconds / shelf.vectors if shelf.vectors else 0.0
        identity = [shelf.identity[k] for k in ("model", "mode", "pooling") if k in shelf.identity]
        table.add_row(
            shelf.identity["encoder"],
            " ".join(map(str, identity)) or shelf.name[:8],
            f"{shelf.vectors:,}",
            str(shelf.chunks),
            f"{shelf.megabytes:.1f}",
            f"{shelf.tokens:,}",
            f"{shelf.seconds:.1f}",
            f"{each:.2f}",
            shelf.made[:10],
        )
    out.print(table)
    table = Table(title="Prepared knowledge")
    for name in ("data set", "knowledge", "folds", "own", "below", "unseen", "seconds"):
        table.add_column(name)
    for path, manifest in manifests_in(opened):
        if manifest is None or not path.with_suffix(".safetensors").exists():
            continue  # named below
        request, covered = manifest["request"], manifest["coverage"]
        counts = [f"{covered[k]:,}" for k in ("own", "below", "unseen")]
        kind = f"{request['knowledge']} {request['encoder'].get('model', '')}".strip()
        folds, seconds = str(request["knowledge_folds"]), f"{manifest['seconds']:.1f}"
        table.add_row(manifest["dataset"], kind, folds, *counts, seconds)
    out.print(table)
    if _print_damaged(checked):
        out.print("verify --delete removes damaged files; the next build makes them again")


def _print_damaged(checked: Sequence[CheckedFile]) -> list[CheckedFile]:
    """Print the damaged files of a store with their faults, a line each, and return them."""
    damaged = [file for file in checked if file.fault]
    for file in damaged:
        text = file.fault if str(file.path.parent) in file.fault else f"{file.path}: {file.fault}"
        out.print(text, soft_wrap=True, highlight=False, markup=False)
    return damaged


@report_errors
def verify(
    context: typer.Context,
    store: Store = None,
    dataset: Annotated[str | None, typer.Option(help="The store of this data set.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Remove damaged files.")] = False,
) -> None:
    """Read every file of a store whole; exit code 1 when one is damaged and stays."""
    opened = open_store(context, store, dataset)
    from recbole_llm4msr.knowledge.store import maintenance

    with err.status("reading the store"):
        checked = list(maintenance.verify(opened))
    damaged = _print_damaged(checked)
    for file in damaged if delete else ():
        maintenance.delete(file)
    what = "deleted; the next build makes them again" if delete and damaged else "damaged"
    out.print(f"{len(checked)} files, {len(damaged)} {what}")
    if damaged and not delete:
        raise typer.Exit(1)


@report_errors
def merge(
    sources: Annotated[list[Path], typer.Argument(help="Stores to copy from.")],
    into: Annotated[Path, typer.Option(help="Store to copy to.")],
) -> None:
    """Bring the vectors of several stores together; the sources stay as they are."""
    from recbole_llm4msr.knowledge.store import maintenance

    copied, there = maintenance.merge(sources, into)
    out.print(f"{copied} chunks copied to {into}, {there} were there already", soft_wrap=True)

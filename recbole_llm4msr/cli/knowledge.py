"""The command ``knowledge``: build, inspect, merge, list, verify, export."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from recbole_llm4msr.cli.errors import PASS_ON, read_settings, report_errors
from recbole_llm4msr.config.early import check_settings

if TYPE_CHECKING:
    from recbole_llm4msr.knowledge.encoders.base import Encoder
    from recbole_llm4msr.knowledge.options import KnowledgeOptions
    from recbole_llm4msr.knowledge.store.chunks import KnowledgeStore

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Build, inspect, verify, merge and export the knowledge of a language model.\n\n"
    "Any setting of properties/knowledge.yaml can follow as --key=value.",
)
out = Console()

Dataset = Annotated[str, typer.Option(help="Name of the data set.")]
Llm = Annotated[
    str | None, typer.Option(help="Folder or hub id of a model, or its name at an endpoint.")
]
Files = Annotated[
    str, typer.Option("--config_files", help="Configuration files, separated by blanks.")
]
Store = Annotated[Path | None, typer.Option(help="Folder of the store.")]


@app.command(context_settings=PASS_ON)
@report_errors
def build(
    context: typer.Context,
    dataset: Dataset,
    llm: Llm = None,
    mode: Annotated[str | None, typer.Option(help="prefill or generate.")] = None,
    shards: Annotated[int, typer.Option(help="How many processes share the work.")] = 1,
    shard: Annotated[int, typer.Option(help="Which of them this is, from 0 on.")] = 0,
    config_files: Files = "",
) -> None:
    """Encode what the store lacks; a killed build goes on where it was.

    With --shards N run it N times with --shard 0 to N-1, on one machine or many, into one store or
    into several that `merge` brings together; a last run without --shards compresses the whole.
    """
    config, history = _load(context, dataset, config_files, llm, knowledge_mode=mode)
    from recbole_llm4msr.knowledge.build import Shard
    from recbole_llm4msr.knowledge.prepare import prepare_knowledge
    from recbole_llm4msr.knowledge.workbench import Workbench

    options = _options(config)
    part = Shard(shard, shards)
    if shards == 1:
        out.print(prepare_knowledge(config, history).summary, soft_wrap=True)
        return
    bench = Workbench.open(config, history, options)
    report = bench.build(bench.plan(), part)
    rate = report.made / report.seconds if report.seconds else 0.0
    out.print(
        f"shard {shard} of {shards}: made {report.made:,} vectors in {report.seconds:.1f} s "
        f"({rate:,.1f} a second), {report.reused:,} were there; store {bench.store.folder}",
        soft_wrap=True,
    )


@app.command(context_settings=PASS_ON)
@report_errors
def inspect(
    context: typer.Context,
    dataset: Dataset,
    user: Annotated[list[str] | None, typer.Option(help="Raw token of a user.")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="Raw token of a scenario.")] = None,
    llm: Llm = None,
    config_files: Files = "",
) -> None:
    """Print prompts exactly as the model sees them; the first user's and scenario's by default."""
    config, history = _load(context, dataset, config_files, llm)
    from recbole_llm4msr.knowledge.store.chunks import keys_of
    from recbole_llm4msr.knowledge.workbench import Workbench

    bench = Workbench.open(config, history, _options(config))
    plan = bench.plan()
    of_scenarios = bench.scenario_encoder(plan)
    if not user and not scenario:
        user, scenario = plan.full["user"].to_list()[:1], history.scenarios[:1]

    def show(title: str, prompt: str, encoder: Encoder) -> None:
        (tokens,) = encoder.prompt_tokens([prompt])
        shelf = bench.shelf_of(encoder)
        state = "in the store" if shelf.find(keys_of([prompt]))[0] >= 0 else "not encoded yet"
        out.rule(f"{title}: {tokens} tokens, {state}", align="left")
        out.print(prompt, markup=False, highlight=False, soft_wrap=True)

    for token in scenario or []:
        if token not in history.scenarios:
            raise ValueError(
                f"--scenario {token}: the scenarios are {', '.join(history.scenarios)}"
            )
        show(f"scenario {token}", plan.scenarios[history.scenarios.index(token)], of_scenarios)
    for token in user or []:
        rows = plan.users.filter(plan.users["user"] == token)
        if token not in history.users:
            raise ValueError(f"--user {token}: {dataset} has no such user")
        if not rows.height:
            out.print(
                f"user {token} has fewer than {bench.options.interaction_threshold} training "
                "interactions, or none that is positive: no prompt of its own, the mean of users "
                "of the same scenarios instead"
            )
        for _, fold, _, prompt in rows.iter_rows():
            title = f"user {token}" + ("" if fold < 0 else f" without fold {fold}")
            show(title, prompt, bench.encoder)


@app.command("list", context_settings=PASS_ON)
@report_errors
def list_(
    context: typer.Context,
    store: Store = None,
    dataset: Annotated[str | None, typer.Option(help="The store of this data set.")] = None,
) -> None:
    """List what is in a store: encoders with vectors and cost, and prepared knowledge."""
    opened = _store(context, store, dataset)
    from recbole_llm4msr.knowledge.store.maintenance import shelves_of

    table = Table(title=f"Vectors in {opened.folder}")
    for name in ("encoder", "model", "vectors", "chunks", "MB", "tokens", "s", "ms each", "last"):
        table.add_column(name, overflow="fold")
    for shelf in shelves_of(opened):
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
    for manifest in opened.manifests():
        request, covered = manifest["request"], manifest["coverage"]
        counts = [f"{covered[k]:,}" for k in ("own", "below", "unseen")]
        kind = f"{request['knowledge']} {request['encoder'].get('model', '')}".strip()
        folds, seconds = str(request["knowledge_folds"]), f"{manifest['seconds']:.1f}"
        table.add_row(manifest["dataset"], kind, folds, *counts, seconds)
    out.print(table)


@app.command(context_settings=PASS_ON)
@report_errors
def verify(
    context: typer.Context,
    store: Store = None,
    dataset: Annotated[str | None, typer.Option(help="The store of this data set.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Remove damaged files.")] = False,
) -> None:
    """Read every file of a store whole; exit code 1 when one is damaged and stays."""
    opened = _store(context, store, dataset)
    from recbole_llm4msr.knowledge.store import maintenance

    checked = list(maintenance.verify(opened))
    damaged = [file for file in checked if file.fault]
    for file in damaged:
        out.print(f"{file.path}: {file.fault}", soft_wrap=True, highlight=False)
        if delete:
            maintenance.delete(file)
    what = "deleted; the next build makes them again" if delete and damaged else "damaged"
    out.print(f"{len(checked)} files, {len(damaged)} {what}")
    if damaged and not delete:
        raise typer.Exit(1)


@app.command()
@report_errors
def merge(
    sources: Annotated[list[Path], typer.Argument(help="Stores to copy from.")],
    into: Annotated[Path, typer.Option(help="Store to copy to.")],
) -> None:
    """Bring the vectors of several stores together; the sources stay as they are."""
    from recbole_llm4msr.knowledge.store import maintenance

    copied, there = maintenance.merge(sources, into)
    out.print(f"{copied} chunks copied to {into}, {there} were there already", soft_wrap=True)


@app.command(context_settings=PASS_ON)
@report_errors
def export(
    context: typer.Context,
    dataset: Dataset,
    output: Annotated[Path, typer.Option(help="File to write.")],
    format: Annotated[str, typer.Option(help="useremb, npy or parquet.")] = "useremb",
    llm: Llm = None,
    config_files: Files = "",
) -> None:
    """Write the users' vectors for other programs, plain RecBole among them."""
    from recbole_llm4msr.knowledge.prepare import prepare_knowledge
    from recbole_llm4msr.knowledge.store.export import check_format, export_users

    check_format(format)  # before hours of work
    config, history = _load(context, dataset, config_files, llm)
    _options(config)
    knowledge = prepare_knowledge(config, history)
    out.print(knowledge.summary, soft_wrap=True)
    out.print(f"wrote {export_users(knowledge, history, format, output)}", soft_wrap=True)


def _load(
    context: typer.Context, dataset: str, files: str, llm: str | None, **keys: Any
) -> tuple[Any, Any]:
    """Return the configuration and the training history that a run would have."""
    if llm is not None:
        keys["llm"] = llm
    config = _config(context, dataset, files, **keys)
    from recbole_llm4msr.pipeline.experiment import training_history

    with warnings.catch_warnings():
        # RecBole 1.2.1 uses forms that pandas 2 warns about, many lines of them.
        warnings.simplefilter("ignore", FutureWarning)
        return config, training_history(config)


def _config(context: typer.Context, dataset: str, files: str, **keys: Any) -> Any:
    given = read_settings(context)
    given |= {key: value for key, value in keys.items() if value is not None}
    if not (files or "model" in given):  # they may bring keys of their own
        check_settings(dataset, given)
    from recbole_llm4msr.config import Config

    if "llm" in given and "knowledge" not in given:
        given["knowledge"] = "endpoint" if given.get("endpoint_url") else "transformers"
    model = given.pop("model", "LLM4MSR_STAR")
    return Config(model, dataset, files.split(), given, command_line=[])


def _options(config: Any) -> KnowledgeOptions:
    from recbole_llm4msr.knowledge.options import KnowledgeOptions

    options = KnowledgeOptions.from_config(config)
    if options.knowledge == "none":
        raise ValueError("knowledge: none makes nothing; give --knowledge or --llm")
    return options


def _store(context: typer.Context, store: Path | None, dataset: str | None) -> KnowledgeStore:
    if store is None:
        if dataset is None:
            raise ValueError("give --store FOLDER or --dataset NAME")
        config = _config(context, dataset, str(read_settings(context).get("config_files", "")))
        from recbole_llm4msr.knowledge.options import KnowledgeOptions
        from recbole_llm4msr.knowledge.store.chunks import store_folder

        store = store_folder(config, KnowledgeOptions.from_config(config), dataset)
    elif context.args:
        raise ValueError(f"{' '.join(context.args)!r} is not an option of this command")
    if not store.is_dir():
        raise ValueError(f"{store}: there is no such folder")
    from recbole_llm4msr.knowledge.store.chunks import KnowledgeStore
    from recbole_llm4msr.knowledge.store.maintenance import check_store

    check_store(store)
    return KnowledgeStore(store)

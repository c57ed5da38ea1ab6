"""The command ``knowledge``: build, inspect, audit, merge, list, verify, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from recbole_llm4msr.cli.errors import PASS_ON, report_errors
from recbole_llm4msr.cli.knowledge_audit import audit
from recbole_llm4msr.cli.knowledge_settings import (
    Dataset,
    Files,
    Llm,
    knowledge_options,
    load_history,
)
from recbole_llm4msr.cli.knowledge_store import list_, merge, verify

if TYPE_CHECKING:
    from recbole_llm4msr.knowledge.encoders.base import Encoder

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Build, inspect, audit, verify, merge and export the knowledge of a language model.\n\n"
    "Any setting of properties/knowledge.yaml can follow as --key=value.",
)
out = Console()


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
    config, history = load_history(context, dataset, config_files, llm, knowledge_mode=mode)
    from recbole_llm4msr.knowledge.build import Shard
    from recbole_llm4msr.knowledge.prepare import prepare_knowledge
    from recbole_llm4msr.knowledge.workbench import Workbench

    options = knowledge_options(config)
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
    config, history = load_history(context, dataset, config_files, llm)
    from recbole_llm4msr.knowledge.store.chunks import keys_of
    from recbole_llm4msr.knowledge.workbench import Workbench

    bench = Workbench.open(config, history, knowledge_options(config))
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
    config, history = load_history(context, dataset, config_files, llm)
    knowledge_options(config)
    knowledge = prepare_knowledge(config, history)
    out.print(knowledge.summary, soft_wrap=True)
    out.print(f"wrote {export_users(knowledge, history, format, output)}", soft_wrap=True)


app.command(context_settings=PASS_ON)(audit)
app.command("list", context_settings=PASS_ON)(list_)
app.command(context_settings=PASS_ON)(verify)
app.command()(merge)

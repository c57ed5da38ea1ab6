"""The command ``knowledge audit``: leaks of labels, coinciding vectors, cut prompts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recbole_llm4msr.cli.errors import err, report_errors
from recbole_llm4msr.cli.knowledge_settings import (
    Dataset,
    Files,
    Llm,
    knowledge_options,
    load_history,
)
from recbole_llm4msr.util.atomic_write import atomic_write

if TYPE_CHECKING:
    from recbole_llm4msr.knowledge.audit import Audit

out = Console()

_STYLES = {"ok": "green", "leak": "bold red", "note": "yellow"}


@report_errors
def audit(
    context: typer.Context,
    dataset: Dataset,
    llm: Llm = None,
    mode: Annotated[str | None, typer.Option(help="prefill or generate.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the findings to this file.")
    ] = None,
    config_files: Files = "",
) -> None:
    """Check a sample of users for leaks of labels; exit code 1 when there is one.

    Labels are permuted within each user and knowledge is made anew with lsa, with one fold and
    with knowledge_folds (5 where that is 1). A probe finds a leak where its AUC, over pairs of rows
    of one user, is above .5 by more than .02 and by more than 3 standard errors with the
    knowledge_folds of the run. Vectors that coincide and prompts that are cut are notes.
    """
    with err.status("data set") as status:
        config, history = load_history(context, dataset, config_files, llm, knowledge_mode=mode)
        options = knowledge_options(config)
        from recbole_llm4msr.knowledge.audit import audit_knowledge

        result = audit_knowledge(config, history, options, status.update)
    out.print(_table(result))
    if json_file is not None:
        with atomic_write(json_file) as temporary:
            content = {**asdict(result), "leak": result.leaks}
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if result.leaks:
        raise typer.Exit(1)


def _table(result: Audit) -> Table:
    title = f"{result.dataset}, {result.knowledge}, knowledge_folds: {result.chosen}"
    sample = f"labels permuted in a sample of {result.users:,} users with {result.rows:,} rows"
    table = Table(title=escape(title), caption=f"AUC ± standard error within users; {sample}")
    one, other = result.folds
    for name in ("check", f"{one} fold", f"{other} folds", "verdict", "remark"):
        table.add_column(name, overflow="fold")
    for finding in result.findings:
        style = _STYLES[finding.verdict]
        verdict = f"[{style}]{finding.verdict}[/]"
        remark = escape(finding.remark)
        table.add_row(escape(finding.check), *finding.cells, verdict, remark)
    return table

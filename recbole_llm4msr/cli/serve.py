"""The command ``serve``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from recbole_llm4msr.cli.errors import report_errors
from recbole_llm4msr.cli.predict import OnUnknown

app = typer.Typer(add_completion=False)


@app.command()
@report_errors
def serve(
    artefact: Annotated[
        Path,
        typer.Option(help="Folder that `export` wrote, or one with current.json beside several."),
    ],
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")] = 8000,
    on_unknown: OnUnknown = "error",
    threads: Annotated[
        int, typer.Option(min=0, max=1024, help="Requests scored at a time; 0: one a core.")
    ] = 0,
    max_waiting: Annotated[
        int, typer.Option(min=1, help="Requests that wait or are scored; more are refused.")
    ] = 256,
    max_body: Annotated[int, typer.Option(min=1, help="Largest body of a request, in KiB.")] = 4096,
    token_env: Annotated[
        str | None,
        typer.Option(help="Environment variable with the bearer token that requests need."),
    ] = None,
) -> None:
    """Answer requests over HTTP: score the candidates of a user, recommend the best items.

    An artefact that current.json names later takes the place of the present one between two
    requests; a broken one is refused. SIGTERM ends the server when its requests are answered.
    """
    if on_unknown not in ("error", "score"):
        raise ValueError(f"--on-unknown: {on_unknown!r} is neither error nor score")
    try:
        from recbole_llm4msr.serving.http.server import Options, read_token
        from recbole_llm4msr.serving.http.server import serve as run_server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("recbole_llm4msr"):
            raise
        raise ValueError(
            f"{error.name} is not installed; run: pip install 'recbole_llm4msr[serve]'"
        ) from error
    options = Options(
        on_unknown=on_unknown,
        threads=threads or os.cpu_count() or 1,
        max_waiting=max_waiting,
        max_body=max_body << 10,
        token=read_token(token_env),
    )
    run_server(artefact, host, port, options)

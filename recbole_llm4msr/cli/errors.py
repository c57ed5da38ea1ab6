"""What the commands beside training have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from recbole_llm4msr.config.command_line import convert, parse_options

err = Console(stderr=True)

#: Any setting may follow the options of a command.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def told(command: Callable) -> Callable:
    """End with one line instead of a traceback when the user can put something right."""

    @functools.wraps(command)
    def run(*args: Any, **keys: Any) -> None:
        try:
            command(*args, **keys)
        except (ValueError, OSError, SyntaxError) as error:
            err.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error

    return run


def settings_of(context: typer.Context) -> dict[str, Any]:
    """The settings that follow a command's own options.

    Raises:
        ValueError: Something there is no ``--key=value``.
    """
    options, others = parse_options(context.args)
    if others:
        raise ValueError(f"{' '.join(others)!r} is no option; write --key=value")
    return {key: convert(value) for key, value in options.items()}

"""Error messages and settings of the commands other than training."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

err = Console(stderr=True)

#: Any setting may follow the options of a command.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


_CONTINUES = "stopped; what is finished is recorded, and the same command continues"
_STOPPED = {"benchmark": _CONTINUES, "tune": _CONTINUES}


def report_errors(command: Callable) -> Callable:
    """Print an error that the user can correct as one line, without a traceback; exit code 1."""

    @functools.wraps(command)
    def run(*args: Any, **keys: Any) -> None:
        try:
            command(*args, **keys)
        except BrokenPipeError:
            raise
        except KeyboardInterrupt as error:
            err.print(_STOPPED.get(command.__name__, "stopped"), highlight=False, soft_wrap=True)
            raise typer.Exit(130) from error
        except (ValueError, OSError, SyntaxError) as error:
            err.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error

    return run


def read_settings(context: typer.Context) -> dict[str, Any]:
    """Read the settings that follow a command's own options.

    Raises:
        ValueError: An argument is not ``--key=value``.
    """
    # Reads RecBole's yaml files, and some commands run where RecBole is not installed.
    from recbole_llm4msr.config.command_line import convert_option, parse_options

    options, others = parse_options(context.args)
    if others:
        raise ValueError(f"{' '.join(others)!r} is not an option; write --key=value")
    return {key: convert_option(key, value) for key, value in options.items()}

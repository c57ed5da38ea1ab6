"""The command line as configuration: ``--key=value`` and ``--key value`` mean the same."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

#: Short options of RecBole's ``run_recbole.py``.
_SHORT = {"-m": "--model", "-d": "--dataset"}


def is_own_program(program: str | None = None) -> bool:
    """Whether the running program is this package's command, whose every option is a key.

    In any other program (a test runner, a user's script) RecBole reads the command line too, but
    options that are no configuration keys belong to that program.
    """
    path = Path(sys.argv[0] if program is None else program)
    return path.name in {"run_recbole.py", "recbole-llm4msr"} or (
        path.name == "__main__.py" and path.parent.name == "recbole_llm4msr"
    )


def parse_options(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    """Read options: ``--key=value`` (the value may hold ``=``), ``--key value``, ``-m``, ``-d``.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The options, and the arguments that are none.

    Raises:
        SyntaxError: An option stands there twice with different values.
    """
    options: dict[str, str] = {}
    others: list[str] = []
    rest = iter([_SHORT.get(argument, argument) for argument in arguments])
    following = next(rest, None)
    while following is not None:
        argument, following = following, next(rest, None)
        if not argument.startswith("--"):
            others.append(argument)
            continue
        key, equals, value = argument[2:].partition("=")
        if not equals:
            if following is None or following.startswith("--"):
                others.append(argument)
                continue
            value, following = following, next(rest, None)
        if options.get(key, value) != value:
            raise SyntaxError(f"--{key} is given twice: {options[key]!r} and {value!r}")
        options[key] = value
    return options, others


def convert(value: Any) -> Any:
    """Read a text as the number, list, dict, truth value or ``None`` it spells, else as a text.

    The same as RecBole's conversion without its ``eval``: a text can spell a value, never code.
    """
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return {"true": True, "false": False}.get(value.lower(), value)

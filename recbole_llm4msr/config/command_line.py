"""Parse the command line: ``--key=value`` and ``--key value`` mean the same."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from recbole_llm4msr.config.schema.intervals import INTERVALS

#: Short options of RecBole's ``run_recbole.py``.
_SHORT = {"-m": "--model", "-d": "--dataset"}

#: Options that mean ``True`` where no value follows.
_FLAGS = {"compare"}


def is_own_program(program: str | None = None) -> bool:
    """Whether the running program is a command of this package, whose every option is a key.

    In any other program (a test runner, a user's script) RecBole reads the command line too, but
    options that are not configuration keys belong to that program.
    """
    path = Path(sys.argv[0] if program is None else program)
    return path.name in {"run_recbole.py", "recbole-llm4msr"} or (
        path.name == "__main__.py" and path.parent.name == "recbole_llm4msr"
    )


def parse_options(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    """Read options: ``--key=value`` (the value may hold ``=``), ``--key value``, ``-m``, ``-d``.

    ``--compare`` may stand without a value, which means ``True``.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The options, and the arguments that are not options.

    Raises:
        SyntaxError: An option is given twice with different values.
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
            if following is not None and not following.startswith("--"):
                value, following = following, next(rest, None)
            elif key in _FLAGS:
                value = "True"
            else:
                others.append(argument)
                continue
        if options.get(key, value) != value:
            raise SyntaxError(f"--{key} is given twice: {options[key]!r} and {value!r}")
        options[key] = value
    return options, others


def convert(value: Any) -> Any:
    """Convert a text to the number, list, dict, truth value or ``None`` it spells.

    It may be written as in Python, or, in braces or brackets, as in yaml: ``{rating: 4}``. Any
    other text stays a text. RecBole's conversion without ``eval``: no code is executed.
    """
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        if value.startswith(("{", "[")):
            return _from_yaml(value)
        return {"true": True, "false": False}.get(value.lower(), value)


def convert_option(key: str, value: Any) -> Any:
    """Convert the value of a setting; an interval as ``[5,inf]`` stays a text."""
    return value if key in INTERVALS else convert(value)


class _Loader(yaml.SafeLoader):
    """Reads numbers as RecBole reads them in its files: 1e-3 is one."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d[\d_]*)?\.?\d+[eE][-+]?\d+"),
    list("-+.0123456789"),
)


def _from_yaml(text: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text

"""Which type the value of a key has: what the comments in RecBole's and our yaml files say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recbole_llm4msr.config.keys import RECBOLES_PROPERTIES

#: ``key: default  # (int or dict) What it is.``
_LINE = re.compile(r"^(\w+):[^#\n]*#\s*\(([^)]*)\)", re.MULTILINE)

_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool, int),
    "dict": (dict,),
    "list": (list, tuple, str),  # many lists of names may also be written as one text
    "list of int": (list, tuple),
    "list of float": (list, tuple),
}

_CALLED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "dict": "a mapping {key: value}",
    "list": "a list [a, b]",
    "list of int": "a list of whole numbers [64, 32]",
    "list of float": "a list of numbers [0.1, 0.2]",
}


def types_of(files: Iterable[Path]) -> dict[str, list[str]]:
    """What the comments of yaml files say of their keys, later files winning.

    Keys that may hold a text are left out, since a number is one for them as well. RecBole calls
    some weights ``int`` that are not (``reg_weight`` of DCN): what it says of its models' numbers
    is only that they are.
    """
    said: dict[str, list[str]] = {}
    for file in files:
        of_a_model = file.is_relative_to(RECBOLES_PROPERTIES / "model")
        for key, types in _LINE.findall(file.read_text(encoding="utf-8")):
            said[key] = (types.replace("int", "float") if of_a_model else types).split(" or ")
    return {
        key: kinds for key, kinds in said.items() if all(k in _KINDS or k == "None" for k in kinds)
    }


def fault(value: Any, kinds: list[str]) -> str | None:
    """What a value should have been, or ``None`` where it is that. Every key may hold ``None``."""
    named = [kind for kind in kinds if kind != "None"]
    if value is None or any(_is(value, kind) for kind in named):
        return None
    return " or ".join(_CALLED[kind] for kind in named)


def _is(value: Any, kind: str) -> bool:
    if kind.startswith("list of") and isinstance(value, list | tuple):
        return all(_is(part, kind.removeprefix("list of ")) for part in value)
    return isinstance(value, _KINDS[kind])

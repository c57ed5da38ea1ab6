"""One option of this package: the type of its value, its choices and its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Python types of the values of each kind; True and False are also whole numbers.
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool, int),
    "dict": (dict,),
    "list": (list, tuple, str),  # many lists of names may also be written as one text
    "list of int": (list, tuple),
    "list of float": (list, tuple),
    "list of str": (list, tuple, str),
    "str": (str,),
}

_DESCRIPTIONS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "dict": "a mapping {key: value}",
    "list": "a list [a, b]",
    "list of int": "a list of whole numbers [64, 32]",
    "list of float": "a list of numbers [0.1, 0.2]",
}


@dataclass(frozen=True)
class Option:
    """An option of the configuration.

    Attributes:
        types: Kinds of value, joined by ``or``: ``int or dict``. Every option may also be ``None``.
        meaning: One sentence.
        choices: The texts that the option takes, where it takes no others.
    """

    types: str
    meaning: str
    choices: tuple[str, ...] = ()

    @property
    def kinds(self) -> list[str]:
        """The kinds of value, one by one."""
        return self.types.split(" or ")

    @property
    def is_checked(self) -> bool:
        """Whether values are checked; texts are not, since a number may stand for one."""
        return all(kind in _DESCRIPTIONS or kind == "None" for kind in self.kinds)

    def accepts(self, value: Any) -> bool:
        """Whether a value has one of the types; ``None`` always does."""
        return value is None or any(_is(value, kind) for kind in self.kinds if kind != "None")

    def description(self) -> str:
        """The types in words, for a message: ``a whole number or a mapping {key: value}``."""
        return " or ".join(_DESCRIPTIONS[kind] for kind in self.kinds if kind != "None")


def _is(value: Any, kind: str) -> bool:
    if kind.startswith("list of") and isinstance(value, list | tuple):
        return all(_is(part, kind.removeprefix("list of ")) for part in value)
    return kind in _PYTHON_TYPES and isinstance(value, _PYTHON_TYPES[kind])

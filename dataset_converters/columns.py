"""Columns of a CSV file: their type, and what makes a value sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

Kind = Literal["id", "code", "flag", "count", "time", "text"]


@dataclass(frozen=True)
class Column:
    """A column to read.

    Attributes:
        name: Its name in the result.
        kind: ``id`` (integer >= 0), ``code`` (any integer), ``flag`` (0 or 1), ``count``
            (number >= 0), ``time`` (finite number >= 0), ``text`` (no tab, no line break).
        names: The header names it may have; default ``name``.
        required: Whether the file must have it.
        nullable: Whether the value of a row may be empty.
    """

    name: str
    kind: Kind
    names: tuple[str, ...] = ()
    required: bool = True
    nullable: bool = False

    @property
    def accepted(self) -> tuple[str, ...]:
        """Header names it goes by."""
        return self.names or (self.name,)

    @property
    def dtype(self) -> pl.DataType:
        """Type of the parsed column."""
        types = {"id": pl.Int64(), "code": pl.Int64(), "text": pl.String()}
        return types.get(self.kind, pl.Float64())


def fault_of(text: str, column: Column) -> str | None:
    """Return what is wrong with the text of a field; None when it is sound."""
    if column.kind == "text":
        if any(mark in text for mark in "\t\n\r"):
            return "a tab or line break inside a text"
        if any("\udc80" <= mark <= "\udcff" for mark in text):
            return "not UTF-8 text"
        return None
    if text == "":
        return None if column.nullable else "empty"
    try:
        value = value_of(text, column)
    except ValueError:
        expected = "an integer" if column.kind in ("id", "code") else "a number"
        return f"{text[:80]!r} is not {expected}"
    if not math.isfinite(value):  # type: ignore[arg-type]
        return f"{text!r} is not finite"
    if column.kind == "flag" and value not in (0, 1):
        return f"{text!r} is neither 0 nor 1"
    if value < 0 and column.kind != "code":  # type: ignore[operator]
        return f"{text!r} is negative"
    return None


def value_of(text: str, column: Column) -> object:
    """Convert the text of one field.

    Raises:
        ValueError: It is not of the column's type.
    """
    if column.kind == "text":
        return text
    if text == "":
        return None
    if "_" in text:  # Python's own digit separators are no numbers in a CSV file
        raise ValueError(text)
    if column.kind not in ("id", "code"):
        return float(text)
    number = int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    if not abs(number) < 2**63 or number != int(number):  # nan is not less than anything
        raise ValueError(text)
    return int(number)

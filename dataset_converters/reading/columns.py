"""Column types of raw CSV files: which values are valid, and how they are converted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

Kind = Literal["id", "code", "flag", "count", "time", "text", "raw"]


@dataclass(frozen=True)
class Column:
    """A column to read.

    Attributes:
        name: Name in the result.
        kind: ``id`` (integer >= 0), ``code`` (any integer), ``flag`` (0 or 1), ``count``
            (number >= 0), ``time`` (finite number >= 0), ``text`` (no tab, no line break),
            ``raw`` (any text).
        names: Header names the column may have in the file; default ``name``.
        required: Whether the file must have the column.
        nullable: Whether a field may be empty.
    """

    name: str
    kind: Kind
    names: tuple[str, ...] = ()
    required: bool = True
    nullable: bool = False

    @property
    def header_names(self) -> tuple[str, ...]:
        """Names that the column may have in the header of a file."""
        return self.names or (self.name,)

    @property
    def dtype(self) -> pl.DataType:
        """Type of the parsed column."""
        types = {"id": pl.Int64(), "code": pl.Int64(), "text": pl.String(), "raw": pl.String()}
        return types.get(self.kind, pl.Float64())


def find_fault(text: str, column: Column) -> str | None:
    """Return why the text of a field is not valid, as a clause; None when it is valid."""
    if column.kind in ("text", "raw"):
        if column.kind == "text" and any(mark in text for mark in "\t\n\r"):
            return "a tab or line break inside a text"
        if any("\udc80" <= mark <= "\udcff" for mark in text):
            return "not UTF-8 text"
        return None
    if text == "":
        return None if column.nullable else "empty"
    try:
        value = parse_field(text, column)
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


def parse_field(text: str, column: Column) -> object:
    """Convert the text of one field to the type of its column.

    Raises:
        ValueError: The text is not of that type.
    """
    if column.kind in ("text", "raw"):
        return text
    if text == "":
        return None
    if "_" in text:  # Python accepts 1_000, CSV readers do not
        raise ValueError(text)
    if column.kind not in ("id", "code"):
        return float(text)
    number = int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    if not abs(number) < 2**63 or number != int(number):  # also true for nan
        raise ValueError(text)
    return int(number)


def to_seconds(time: pl.Series, per_second: int) -> pl.Series:
    """Convert moments to seconds, each the double nearest to the decimal number.

    NumPy divides; polars multiplies by the inverse of a constant, so 1685323613574 ms
    becomes 1685323613.5740001 s.

    Args:
        time: Moments in any unit.
        per_second: Units per second.

    Returns:
        The column ``timestamp``, float64.
    """
    return pl.Series("timestamp", time.to_numpy() / per_second)

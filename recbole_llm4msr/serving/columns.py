"""Columns of rows as texts and numbers; a fault names the row and the column."""

from __future__ import annotations

import numpy as np
import polars as pl

from recbole_llm4msr.serving.errors import InputError

#: Most characters of a value that a message repeats.
_SHOWN = 80


def as_texts(column: pl.Series) -> pl.Series:
    """A column of tokens as texts: integers are written out, anything else is refused.

    Raises:
        InputError: The column holds neither texts nor integers.
    """
    if column.dtype in (pl.Categorical, pl.Enum, pl.Null) or column.dtype.is_integer():
        return column.cast(pl.String)
    if column.dtype != pl.String:
        raise InputError(
            f"the column {column.name!r} holds {column.dtype}; ids are texts or whole numbers"
        )
    return column


def numbers_of(column: pl.Series, first_row: int = 1) -> np.ndarray:
    """A column of numbers, or of texts that are numbers, as float64 ``(B,)``.

    Raises:
        InputError: A number is missing or not finite, or the column is of another type.
    """
    if column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        wrong = (numbers.is_null() & column.is_not_null()).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            text = f"{shorten(column[row])!r} is not a number"
            raise fault(first_row + row, column.name, text)
    elif column.dtype.is_numeric() or column.dtype == pl.Null:
        numbers = column.cast(pl.Float64)
    else:
        raise InputError(f"the column {column.name!r} holds {column.dtype} instead of numbers")
    finite = numbers.is_finite().fill_null(False).to_numpy()
    if not finite.all():
        row = int(finite.argmin())
        text = "is empty" if numbers[row] is None else f"{numbers[row]} is not a finite number"
        raise fault(first_row + row, column.name, text)
    return numbers.to_numpy()


def fault(row: int, column: str, what: str) -> InputError:
    """Make the error of a value."""
    return InputError(f"row {row}, column {column}: {what}", what=what, row=row)


def shorten(text: str, length: int = _SHOWN) -> str:
    """A value as a message repeats it: its start, and how long it is."""
    return text if len(text) <= length else f"{text[:length]}... ({len(text):,} characters)"

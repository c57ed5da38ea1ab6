"""Find the RecBole type of a column from its name and values, and convert it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

#: Words for a missing number. In other columns they are values like any other.
_MISSING = ["", "na", "n/a", "nan", "null", "none", "\\n", "-"]
_CODE_NAME = re.compile(r"(^|[_\W])(id|ids|code|zip|zipcode|type|kind|cat|tag|tab|class)$", re.I)
_MAX_CODES = 100  # whole numbers with more distinct values are quantities
_EXACT = 2.0**53  # whole numbers from here on are ids: a double would change them
_SEQUENCE_SHARE = 0.05  # of values with a |
_TEXT_WORDS = 3.0  # mean number of words from which on a column is a text
_LISTED_WORDS = 6.0  # the same for the parts of lists: names of categories have several words
_TEXT_NAMES = re.compile(
    r"(^|_)(title|name|description|caption|headline|abstract|summary|text|about)$", re.I
)
_OWN_VALUE_SHARE = 0.9  # distinct values per row from which on a token identifies the row
_OWN_VALUE_ROWS = 50


@dataclass(frozen=True)
class ColumnType:
    """Type of a column.

    Attributes:
        name: ``token``, ``float``, ``token_seq`` or ``float_seq``.
        given: Whether an option or the header of the file states it.
        is_text: Whether it is a text for prompts, not a feature.
    """

    name: str
    given: bool = False
    is_text: bool = False

    @property
    def shown(self) -> str:
        """Description for the user."""
        return f"{self.name} (text)" if self.is_text else self.name


def guess_type(name: str, sample: pl.Series) -> ColumnType:
    """Guess the type of a column.

    Lists, and texts of which one in twenty has a ``|``, are token_seq. Columns with a name such
    as title, or whose values have three words and more, are texts. Numbers with a decimal point
    are float; whole numbers are token if their name ends with id, code, type or the like or if
    there are few of them. All else is token.

    Args:
        name: Name of the column.
        sample: First values.
    """
    if isinstance(sample.dtype, pl.List):
        parts = sample.explode().drop_nulls().cast(pl.String)
        return ColumnType("token_seq", is_text=_mean_words(parts) >= _LISTED_WORDS)
    if isinstance(sample.dtype, pl.Datetime):
        return ColumnType("token")
    text = sample.drop_nulls().str.strip_chars()
    present = text.filter(~text.str.to_lowercase().is_in(_MISSING))
    if not len(present):
        return ColumnType("token")
    number = present.cast(pl.Float64, strict=False)
    if number.null_count() == 0 and number.is_finite().all():
        leading_zero = present.str.contains(r"^[+-]?0\d").any()
        if leading_zero or _CODE_NAME.search(name):
            return ColumnType("token")
        is_whole = bool((number == number.floor()).all())
        is_long = is_whole and bool((number.abs() >= _EXACT).any())
        is_code = is_whole and (is_long or present.n_unique() <= _MAX_CODES)
        return ColumnType("token" if is_code else "float")
    if names_text(name):
        return ColumnType("token_seq", is_text=True)
    if present.str.contains("|", literal=True).mean() >= _SEQUENCE_SHARE:  # type: ignore[operator]
        return ColumnType("token_seq")
    if _mean_words(present) >= _TEXT_WORDS:
        return ColumnType("token_seq", is_text=True)
    return ColumnType("token")


def names_text(name: str) -> bool:
    """Return whether a column has a usual name of a text, such as title."""
    return _TEXT_NAMES.search(name) is not None


def _mean_words(texts: pl.Series) -> float:
    return float(texts.str.count_matches(r"\S+").mean() or 0)  # type: ignore[arg-type]


def to_text(values: pl.Series, *, is_text: bool = False) -> pl.Series:
    """Convert a column as it was read to one line of text per value; empty is null.

    Args:
        values: Text, lists of text, or moments.
        is_text: Whether a list is a text for prompts, whose parts are joined by spaces. Otherwise
            they are joined by ``|``, with ``_`` in place of the spaces inside a part.
    """
    if isinstance(values.dtype, pl.List):
        parts = pl.element().cast(pl.String).str.strip_chars()
        parts = parts if is_text else parts.str.replace_all(r"[\s|]+", "_")
        values = values.list.eval(parts).list.drop_nulls().list.join(" " if is_text else "|")
    elif isinstance(values.dtype, pl.Datetime):
        values = values.dt.to_string("iso:strict")
    text = values.str.replace_all(r"[\x00-\x1f\x7f\x{85}\x{2028}\x{2029}]+", " ").str.strip_chars()
    return text.set(text == "", None)


def convert(values: pl.Series, kind: ColumnType) -> tuple[pl.Series, pl.Series]:
    """Convert a column of text to its type.

    Args:
        values: Values of :func:`to_text`.
        kind: Type.

    Returns:
        The values to write, and where a value is not of the type.
    """
    if kind.name == "token" or kind.is_text:
        values = values.str.replace_all(r"\s+", " ") if kind.is_text else values
        return values, pl.repeat(value=False, n=len(values), eager=True)
    if kind.name == "float":
        number = values.cast(pl.Float64, strict=False)
        number = number.set(~number.is_finite().fill_null(value=True), None)
        missing = values.is_null() | values.str.to_lowercase().is_in(_MISSING)
        return number, number.is_null() & ~missing
    parts = values.str.split("|") if _has_marks(values) else values.str.split(" ")
    parts = parts.list.eval(pl.element().str.strip_chars().str.replace_all(r"\s+", "_"))
    parts = parts.list.eval(pl.element().filter(pl.element() != ""))
    joined = parts.list.join(" ")
    joined = joined.set(joined == "", None)
    if kind.name == "token_seq":
        return joined, pl.repeat(value=False, n=len(values), eager=True)
    numbers = parts.list.eval(pl.element().cast(pl.Float64, strict=False))
    fault = numbers.list.eval(~pl.element().is_finite().fill_null(value=False)).list.any()
    fault = fault.fill_null(value=False)
    return joined.set(fault, None), fault


def _has_marks(values: pl.Series) -> bool:
    """Return whether the parts of a sequence are separated by ``|``, not by spaces."""
    return bool(values.str.contains("|", literal=True).any())


def identifies_row(values: pl.Series) -> bool:
    """Return whether nearly every row has a value of its own, as an address or a name has."""
    present = values.drop_nulls()
    many = len(present) >= _OWN_VALUE_ROWS
    return many and present.n_unique() >= _OWN_VALUE_SHARE * len(present)

"""Types of columns: guessed from name and values; converted, or named as a fault."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from dataset_converters.table.values import (
    ColumnType,
    convert,
    guess_type,
    identifies_row,
    to_text,
)

GUESSES = [
    ("price", ["1.5", "2", ""], "float"),
    ("gender", ["F", "M"], "token"),
    ("age", ["30", "41", "NA"], "token"),
    ("count", [str(value) for value in range(200)], "float"),
    ("request", [str(10**18 + value) for value in range(200)], "token"),
    ("author_id", [str(value) for value in range(200)], "token"),
    ("zip", ["08012", "19104"], "token"),
    ("genres", ["Drama|War", "Comedy"], "token_seq"),
    ("empty", ["", None], "token"),
    ("url", ["a/b c", "d"], "token"),
]


@pytest.mark.parametrize(("name", "values", "kind"), GUESSES)
def test_guesses(name: str, values: list[str | None], kind: str) -> None:
    assert guess_type(name, pl.Series(values, dtype=pl.String)) == ColumnType(kind)


def test_texts_lists_and_moments() -> None:
    text = ColumnType("token_seq", is_text=True)
    assert guess_type("movie_title", pl.Series(["Heat", "Up"])) == text
    assert guess_type("remark", pl.Series(["a word or two", "three more words here"])) == text
    assert guess_type("untitled", pl.Series(["Heat", "Up"])) == ColumnType("token")
    lists = pl.Series([["Science Fiction", " War "], [], None, [None, "a|b"]])
    assert guess_type("x", lists) == ColumnType("token_seq")
    assert to_text(lists).to_list() == ["Science_Fiction|War", None, None, "a_b"]
    assert to_text(lists, is_text=True)[0] == "Science Fiction War"
    assert to_text(pl.Series([datetime(2023, 5, 25)])).to_list() == ["2023-05-25T00:00:00.000000"]


def test_text_is_one_line() -> None:
    values = pl.Series([" a\tb\r\nc ", "", "  ", "d\u2028e"])
    assert to_text(values).to_list() == ["a b c", None, None, "d e"]


def test_conversion_and_its_faults() -> None:
    values = pl.Series(["1", "-2.5e3", "NA", "null", None, "x", "inf"])
    numbers, fault = convert(values, ColumnType("float"))
    assert numbers.to_list() == [1.0, -2500.0, None, None, None, None, None]
    assert fault.to_list() == [False] * 5 + [True, True]
    parts, fault = convert(pl.Series(["a b| c|", None, "|"]), ColumnType("token_seq"))
    assert (parts.to_list(), fault.any()) == (["a_b c", None, None], False)
    assert convert(pl.Series(["a b", "c"]), ColumnType("token_seq"))[0].to_list() == ["a b", "c"]
    floats, fault = convert(pl.Series(["1|2.5", "1|x", None]), ColumnType("float_seq"))
    assert (floats.to_list(), fault.to_list()) == (["1 2.5", None, None], [False, True, False])


def test_values_of_their_own() -> None:
    own = pl.Series([f"http://x/{number}" for number in range(60)])
    assert identifies_row(own)
    assert not identifies_row(own.head(20))
    assert not identifies_row(pl.Series(["a", "b"] * 40))

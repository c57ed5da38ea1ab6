"""Tables fit the terminal: names are cut, numbers never."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from recbole_llm4msr.util.fitted_table import cut, fitted_tables

HEADERS = [
    "scenario",
    *(f"{s}\n{m}" for s in ("valid", "test") for m in ("auc", "logloss", "gauc")),
]


def printed(rows: list[list[str]], width: int, headers: list[str] = HEADERS) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    for table in fitted_tables("STAR on d", headers, rows, width):
        console.print(table)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("name", ["s", "a" * 20, "x" * 300, "a b " * 50, "[/]", "店铺" * 30])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_number_is_printed_whole_at_any_width(name: str, width: int) -> None:
    numbers = [f"0.{n}{n + 1}{n + 2}{n + 3}" for n in range(1, 7)]
    lines = printed([[name, *numbers], ["one class", *["one class"] * 6]], width)
    text = "\n".join(lines)
    for number in numbers:
        assert f" {number} " in text
    for word in ("auc", "logloss", "gauc"):
        assert text.count(f" {word} ") >= 2
    assert all(cell_len(line) <= width for line in lines)


def test_what_fits_is_one_table_with_the_whole_name() -> None:
    lines = printed([["product_page", *["0.5000"] * 6]], 80)
    assert sum("product_page" in line for line in lines) == 1
    assert sum("STAR on d" in line for line in lines) == 1


def test_a_name_that_is_cut_says_so() -> None:
    assert cut("recommendation", 8) == "recomme…"
    assert cut("a  bcdefg", 4) == "a…"
    assert cut("feed", 4) == "feed"

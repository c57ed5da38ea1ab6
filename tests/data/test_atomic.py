from __future__ import annotations

import pytest

from recbole_llm4msr.data import AtomicFileError, read_atomic

HEADER = "item_id:token\tprice:float\ttitle:token_seq\n"


@pytest.fixture
def write(tmp_path):
    def to_file(text: str):
        path = tmp_path / "a.item"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_null_and_na_are_read_as_texts(write) -> None:
    frame = read_atomic(write(HEADER + 'null\t1\tNA\nnan\t\tnull\nx"y\t-2.5e3\t"quoted\n'))
    assert frame["item_id"].to_list() == ["null", "nan", 'x"y']
    assert frame["price"].to_list() == [1.0, None, -2500.0]
    assert frame["title"].to_list() == ["NA", "null", '"quoted']


def test_columns_are_in_the_requested_order(write) -> None:
    frame = read_atomic(write(HEADER + "a\t1\tt\n"), ["title", "item_id"])
    assert frame.columns == ["title", "item_id"]
    assert frame.row(0) == ("t", "a")


def test_a_very_long_field_is_read(write) -> None:
    assert len(read_atomic(write(HEADER + "a\t1\t" + "w " * 200_000 + "\n"))["title"][0]) == 400_000


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("columns", [None, ["price"]])
def test_blank_lines_are_skipped(write, end: str, columns) -> None:
    for start in ("", end):
        rows = f"{start}a\t1\tt{end}b\t\t{end}\t\t\n{end}"
        frame = read_atomic(write(HEADER + rows), columns)
        assert frame["price"].to_list() == [1.0, None, None]
    assert read_atomic(write(HEADER + end)).shape == (0, 3)
    assert read_atomic(write(f"item_id:token\na{end}b{end}"))["item_id"].to_list() == ["a", "b"]


def test_a_file_with_a_header_only_has_no_rows(write) -> None:
    assert read_atomic(write(HEADER)).shape == (0, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "a\t1\tt\nb\t2\n", r"a\.item, line 3: 2 columns where the header has 3"),
        (HEADER + "\na\t1\tt\n\nb\tcheap\tt\n", r"line 5, column price: 'cheap' is not a number"),
        (HEADER + "\na\t1\tt\n\nb\t2\n", r"line 5: 2 columns where the header has 3"),
        (HEADER + "a\t1\tt\nb\t2\tt\tmore\n", r"a\.item, line 3: 4 columns where the header has 3"),
        (HEADER + "a\t1\tt\nb\tcheap\tt\n", r"a\.item, line 3, column price: 'cheap' is not a num"),
        ("item_id\tprice:float\n", r"line 1: column 'item_id' is not `field:type`"),
        ("item_id:int\n", r"line 1: column 'item_id:int' is not `field:type`"),
        ("a:token\ta:float\n", r"line 1: the field 'a' is listed twice"),
        ("", r"line 1"),
    ],
)
def test_a_broken_line_is_reported_with_its_number(write, text: str, message: str) -> None:
    with pytest.raises(AtomicFileError, match=message):
        read_atomic(write(text))


def test_a_missing_file_or_column_raises(write, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.item"):
        read_atomic(tmp_path / "none.item")
    with pytest.raises(AtomicFileError, match="no column colour; it has item_id, price, title"):
        read_atomic(write(HEADER), ["colour"])

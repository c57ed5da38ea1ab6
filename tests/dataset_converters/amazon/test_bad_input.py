"""Bad Amazon input: errors name file, line and column, and nothing is written."""

import gzip
import json
from pathlib import Path

import pytest

from dataset_converters.amazon import AmazonOptions, convert_amazon
from dataset_converters.errors import BadRowsError, ConverterError
from tests.dataset_converters.amazon_samples import new, old, sample_2014, write_lines
from tests.dataset_converters.reference_reading import read_atomic

BAD = [
    ('{"reviewerID": "U9", "asin": "B1", "overall": 5.0', None, "broken JSON"),
    ("[1, 2]", None, "a JSON list, not an object"),
    (json.dumps(old("U9", "B1", "5.0")), "overall", "not a number"),  # type: ignore[arg-type]
    (json.dumps(old("U9", "B1", True)), "overall", "not a number"),
    (json.dumps(old("U9", "B1", 6.0)), "overall", "not a rating from 0 to 5"),
    (json.dumps(old("U9", "B1", float("nan"))), "overall", "not finite"),
    (json.dumps(old("U9", "B1", 5.0, -1)), "unixReviewTime", "negative"),
    (json.dumps(old("U9", "B1", 5.0, None)), "unixReviewTime", "missing"),
    (json.dumps(old("U9", "B1", 5.0, 1600000000000)), "unixReviewTime", "past the year 2100"),
    (json.dumps(old("U\t9", "B1")), "reviewerID", "white space"),
    (json.dumps(old("", "B1")), "reviewerID", "missing"),
    (json.dumps(old("U9", "null")), "asin", "missing value"),
    (json.dumps({"reviewerID": "U9", "overall": 5.0, "unixReviewTime": 5}), "asin", "missing"),
    (json.dumps(old(9, "B1")), "reviewerID", "9 is not a string"),  # type: ignore[arg-type]
    (json.dumps(old("U9", "B1", 5.0, 10**400)), "unixReviewTime", "too many digits"),
    ('{{"reviewerID": "U9"}}', None, "broken JSON"),
    ("[" * 1500, None, "broken JSON"),
]


@pytest.mark.parametrize(("line", "column", "reason"), BAD)
def test_a_bad_row_is_an_error_or_accepted(
    tmp_path: Path, line: str, column: str | None, reason: str
) -> None:
    valid = [old("U1", "B1"), old("U2", "B2")]
    path = write_lines(tmp_path / "raw" / "reviews_Beauty_5.json.gz", [valid[0], line, valid[1]])
    with pytest.raises(BadRowsError) as caught:
        convert_amazon(tmp_path / "raw", tmp_path / "a")
    assert f"{path.name}, line 2" in str(caught.value)
    assert reason in str(caught.value)
    assert column is None or f"column {column}" in str(caught.value)
    assert not (tmp_path / "a").exists()
    report = convert_amazon(tmp_path / "raw", tmp_path / "a", AmazonOptions(max_bad_rows=1))
    assert report.dropped["bad rows (rejected.jsonl)"] == 1
    rejected = json.loads((tmp_path / "a" / "rejected.jsonl").read_text())
    assert (rejected["line"], rejected["column"], rejected["row"]) == (2, column, line)
    assert [row[0] for row in read_atomic(tmp_path / "a" / "a.inter")[1]] == ["U1", "U2"]


def test_bad_rows_of_a_rating_table(tmp_path: Path) -> None:
    lines = ["A1234567890XY,B000000001,5.0,1400000000", "A1234567890XY,B000000001,five,1400000000"]
    write_lines(tmp_path / "raw" / "ratings_Beauty.csv", lines)
    with pytest.raises(BadRowsError, match=r"ratings_Beauty.csv, line 2, column overall: 'five'"):
        convert_amazon(tmp_path / "raw", tmp_path / "a")
    lines[1] = "A1234567890XY,B000000001,9,1400000000"
    write_lines(tmp_path / "raw" / "ratings_Beauty.csv", lines)
    with pytest.raises(BadRowsError, match=r"line 2, column overall: 9.0 is not a rating"):
        convert_amazon(tmp_path / "raw", tmp_path / "a")


def test_products_described_differently_or_broken(tmp_path: Path) -> None:
    raw = sample_2014(tmp_path / "raw")
    meta = [{"asin": "B1", "title": "one"}, {"asin": "B1", "title": "one"}]
    path = write_lines(raw / "meta_Beauty.json.gz", meta, python=True)
    report = convert_amazon(raw, tmp_path / "a")
    assert report.dropped["duplicate description of a product"] == 1
    write_lines(path, [*meta, {"asin": "B1", "title": "two"}], python=True)
    with pytest.raises(BadRowsError, match=r"line 3: product B1 was described before, with other"):
        convert_amazon(raw, tmp_path / "b")
    write_lines(path, [*meta, "{'asin': 'B2', 'title': oops}"])
    with pytest.raises(BadRowsError, match=r"meta_Beauty.json.gz, line 3: broken JSON"):
        convert_amazon(raw, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_unknown_category_mixed_releases_and_several_files(tmp_path: Path) -> None:
    raw = sample_2014(tmp_path / "raw")
    with pytest.raises(ConverterError, match=r"'Beuty'.*did you mean 'Beauty'.*Toys_and_Games"):
        convert_amazon(raw, tmp_path / "a", AmazonOptions(categories=("Beuty",)))
    write_lines(raw / "Books.jsonl.gz", [new("U1", "P1")])
    with pytest.raises(ConverterError, match=r"different releases \(Beauty 2014, Books 2023"):
        convert_amazon(raw, tmp_path / "a")
    write_lines(raw / "Beauty.csv", ["B000000001,A1234567890XY,5.0,1400000000"])
    with pytest.raises(ConverterError, match=r"category Beauty: several files"):
        convert_amazon(raw, tmp_path / "a", AmazonOptions(categories=("beauty",)))
    chosen = AmazonOptions(categories=("beauty",), release="2018")
    convert_amazon(raw, tmp_path / "a", chosen)
    assert len(read_atomic(tmp_path / "a" / "a.inter")[1]) == 1


def test_a_review_of_2023_without_its_product_is_named_as_such(tmp_path: Path) -> None:
    row = {"rating": 5.0, "text": "x", "asin": "A1", "user_id": "U1", "timestamp": 1600000000001}
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "All_Beauty.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(ConverterError, match=r"All_Beauty\.jsonl, line 1: .* key parent_asin"):
        convert_amazon(tmp_path / "raw", tmp_path / "a")


def test_folder_without_reviews(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(ConverterError, match="contains no reviews_"):
        convert_amazon(tmp_path / "raw", tmp_path / "a")
    with pytest.raises(ConverterError, match="no such folder"):
        convert_amazon(tmp_path / "nowhere", tmp_path / "a")
    write_lines(tmp_path / "raw" / "ratings.csv", ["1,2,5,1400000000"])
    with pytest.raises(ConverterError, match="cannot tell users from items"):
        convert_amazon(tmp_path / "raw", tmp_path / "a")


def test_a_damaged_gzip(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "raw" / "Beauty_5.json.gz", [old("U1", "B1")] * 2000)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ConverterError, match=r"Beauty_5.json.gz"):
        convert_amazon(tmp_path / "raw", tmp_path / "a", AmazonOptions(allow_truncated=True))
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(ConverterError, match="the file is empty"):
        convert_amazon(tmp_path / "raw", tmp_path / "a")
    assert not (tmp_path / "a").exists()

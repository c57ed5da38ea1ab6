"""Converted Amazon reviews against a reference reading, on real files and small samples."""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from dataset_converters.amazon import AmazonOptions, convert_amazon, reviews
from dataset_converters.errors import ConverterError
from tests.dataset_converters.amazon_samples import new, old, sample_2014, write_lines
from tests.dataset_converters.reference_reading import (
    amazon_meta,
    amazon_rows,
    gzip_lines,
    read_atomic,
)


def _inter(folder: Path) -> list[list[str]]:
    return read_atomic(folder / f"{folder.name}.inter")[1]


def _items(folder: Path) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in read_atomic(folder / f"{folder.name}.item")[1]}


def test_real_2018_files(real_data: Path, tmp_path: Path) -> None:
    names = ("AMAZON_FASHION", "All_Beauty", "Gift_Cards")
    raw = real_data / "amazon2018"
    report = convert_amazon(raw, tmp_path / "a", AmazonOptions(categories=names))
    expected = [row for name in names for row in amazon_rows(raw / f"{name}_5.json.gz", name)]
    assert _inter(tmp_path / "a") == expected
    assert report.dropped["exact duplicates in All_Beauty"] == 1027
    assert report.dropped["exact duplicates in AMAZON_FASHION"] == 68
    assert len(expected) == 3108 + 4242 + 2972
    meta = amazon_meta(raw / "meta_Gift_Cards.json.gz")
    items = _items(tmp_path / "a")
    assert set(items) == {row[1] for row in expected}
    described = set(items) & set(meta)
    assert len(described) > 100
    for item in described:
        plain = " ".join(meta[item]["title"].split())
        if "&" not in plain and "<" not in plain:
            assert items[item][0] == plain.replace('"', "''")
    assert all(items[item] == ["", "", "", ""] for item in set(items) - described)


def test_decoding_line_by_line_gives_the_same_files(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_amazon(real_data / "amazon2018", tmp_path / "a" / "d")
    monkeypatch.setattr(reviews, "_all_valid", lambda frame: False)
    convert_amazon(real_data / "amazon2018", tmp_path / "b" / "d")
    for suffix in ("inter", "item", "scenario", "yaml"):
        one, other = (tmp_path / side / "d" / f"d.{suffix}" for side in "ab")
        assert one.read_bytes() == other.read_bytes()


def test_truncated_real_2014_files(real_data: Path, tmp_path: Path) -> None:
    raw = real_data / "amazon2014"
    with pytest.raises(ConverterError, match=r"is truncated in line 6,909.*6,908 whole lines"):
        convert_amazon(raw, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
    report = convert_amazon(raw, tmp_path / "a", AmazonOptions(allow_truncated=True))
    reviews_file = raw / "reviews_Digital_Music_5.json.gz"
    assert _inter(tmp_path / "a") == amazon_rows(reviews_file, "Digital_Music")
    assert len(_inter(tmp_path / "a")) == 6908
    assert any("6,908 whole lines" in note for note in report.notes)
    assert any("7,419 whole lines" in note for note in report.notes)
    meta = amazon_meta(raw / "meta_Digital_Music.json.gz")
    items = _items(tmp_path / "a")
    prices = {item: meta[item].get("price") for item in items if item in meta}
    assert len(prices) > 300
    for item, price in prices.items():
        bucket = items[item][3]
        if price:
            low, _, high = bucket.partition("-")
            assert float(low.rstrip("+")) <= price < float(high or 1e9)
        else:
            assert bucket == ""


def test_2014_python_literals_and_cleaning(tmp_path: Path) -> None:
    report = convert_amazon(sample_2014(tmp_path / "raw"), tmp_path / "a")
    assert report.source == "Amazon reviews 2014, positive from 4 stars"
    assert [row[:4] for row in _inter(tmp_path / "a")] == [
        ["U1", "B1", "Beauty", "1"],
        ["U1", "B2", "Beauty", "0"],
        ["U2", "B1", "Beauty", "1"],
        ["U3", "B2", "Beauty", "0"],
        ["U1", "T1", "Toys_and_Games", "0"],
        ["U2", "T1", "Toys_and_Games", "1"],
        ["U4", "T2", "Toys_and_Games", "1"],
        ["U2", "T2", "Toys_and_Games", "1"],
    ]
    assert _items(tmp_path / "a") == {
        "B1": ["Soap & Co 12'' bar", "Acme", "Soap", "5-10"],
        "B2": ["", "", "Beauty", ""],
        "T1": ["", "", "", ""],
        "T2": ["", "", "", ""],
    }
    assert report.shared_users == 2
    scenarios = read_atomic(tmp_path / "a" / "a.scenario")[1]
    assert [row[:2] for row in scenarios] == [
        ["Beauty", "Beauty"],
        ["Toys_and_Games", "Toys and Games"],
    ]


def test_2023_milliseconds_and_null_titles(tmp_path: Path) -> None:
    rows = [new("U1", "P1"), new("U2", "P1", 2.0), new("U2", "P2", 5.0, 1600000001000)]
    write_lines(tmp_path / "raw" / "All_Beauty.jsonl.gz", rows)
    meta = [
        {"parent_asin": "P1", "title": None, "store": "Acme", "price": None, "categories": []},
        {"parent_asin": "P2", "title": "A<br />B", "price": 300, "main_category": "All Beauty"},
    ]
    write_lines(tmp_path / "raw" / "meta_All_Beauty.jsonl", meta)
    report = convert_amazon(tmp_path / "raw", tmp_path / "a")
    assert "2023" in report.source
    times = [row[4] for row in _inter(tmp_path / "a")]
    assert times == ["1600000000.123", "1600000000.123", "1600000001.0"]
    assert _items(tmp_path / "a") == {
        "P1": ["", "Acme", "", ""],
        "P2": ["A B", "", "All Beauty", "200+"],
    }


@pytest.mark.parametrize(
    ("name", "lines", "release"),
    [
        ("ratings_Beauty.csv", ["A1234567890XY,B000000001,5.0,1400000000"], "2014"),
        ("Beauty.csv", ["B000000001,A1234567890XY,5.0,1400000000"], "2018"),
        (
            "Beauty.csv.gz",
            ["user_id,parent_asin,rating,timestamp", "A1234567890XY,B000000001,5.0,1400000000000"],
            "2023",
        ),
    ],
)
def test_rating_tables(tmp_path: Path, name: str, lines: list[str], release: str) -> None:
    write_lines(tmp_path / "raw" / name, lines)
    report = convert_amazon(tmp_path / "raw", tmp_path / "a")
    assert f"reviews {release}," in report.source
    assert _inter(tmp_path / "a") == [["A1234567890XY", "B000000001", "Beauty", "1", "1400000000"]]
    assert not (tmp_path / "a" / "a.item").exists()
    settings = yaml.safe_load((tmp_path / "a" / "a.yaml").read_text())
    assert "item" not in settings["load_col"]
    assert settings["item_text_fields"] == []


def test_threshold_k_core_and_shared_users(tmp_path: Path) -> None:
    raw = sample_2014(tmp_path / "raw")
    convert_amazon(raw, tmp_path / "a", AmazonOptions(threshold=3))
    assert Counter(row[3] for row in _inter(tmp_path / "a")) == {"1": 6, "0": 2}
    report = convert_amazon(raw, tmp_path / "b", AmazonOptions(shared_users=True))
    assert {row[0] for row in _inter(tmp_path / "b")} == {"U1", "U2"}
    assert report.dropped["user in one scenario only"] == 2
    # Over both categories U1 has three rows and U2 three; B2 and T2 then have one each.
    convert_amazon(raw, tmp_path / "c", AmazonOptions(shared_users=True, k_core=2))
    assert [row[:2] for row in _inter(tmp_path / "c")] == [
        ["U1", "B1"],
        ["U2", "B1"],
        ["U1", "T1"],
        ["U2", "T1"],
    ]
    with pytest.raises(ConverterError, match=r"no row is left.*outside the 9-core 8"):
        convert_amazon(raw, tmp_path / "d", AmazonOptions(k_core=9))
    assert not (tmp_path / "d").exists()


def test_duplicates_and_repeats(tmp_path: Path) -> None:
    first = old("U1", "B1", 2.0, 1400000000, style={"Size:": " S"})
    again = {**first, "style": {"Size:": " L"}}
    later = old("U1", "B1", 5.0, 1500000000)
    write_lines(tmp_path / "raw" / "Beauty_5.json.gz", [later, first, first, again])
    report = convert_amazon(tmp_path / "raw", tmp_path / "a")
    assert report.dropped == {"exact duplicates in Beauty": 1}
    assert [row[4] for row in _inter(tmp_path / "a")] == ["1500000000", "1400000000", "1400000000"]
    report = convert_amazon(tmp_path / "raw", tmp_path / "b", AmazonOptions(repeats="merge"))
    assert report.dropped["repeated user and item, merged"] == 2
    assert _inter(tmp_path / "b") == [["U1", "B1", "Beauty", "1", "1500000000"]]


@pytest.mark.parametrize("sampling", ["popularity", "uniform"])
def test_sampled_negatives(tmp_path: Path, sampling: str) -> None:
    rows = [old(f"U{u}", f"B{(u * 7 + k * k) % 40}") for u in range(60) for k in range(6)]
    write_lines(tmp_path / "raw" / "Beauty_5.json.gz", [*rows, old("U0", "B3")])
    write_lines(tmp_path / "raw" / "Toys_5.json.gz", [old("U1", "B1"), old("U2", "T2")])
    options = AmazonOptions(implicit=True, negatives=3, sampling=sampling, seed=4)
    convert_amazon(tmp_path / "raw", tmp_path / "a", options)
    convert_amazon(tmp_path / "raw", tmp_path / "b", options)
    written = _inter(tmp_path / "a")
    assert written == _inter(tmp_path / "b")
    had: dict[tuple[str, str], set[str]] = {}
    for row in written:
        if row[3] == "1":
            had.setdefault((row[0], row[2]), set()).add(row[1])
    items = {name: {row[1] for row in written if row[2] == name} for name in ("Beauty", "Toys")}
    assert items["Toys"] == {"B1", "T2"}
    for i in range(0, len(written), 4):
        positive, negatives = written[i], written[i + 1 : i + 4]
        assert positive[3] == "1"
        for row in negatives:
            assert [row[0], *row[2:]] == [positive[0], positive[2], "0", positive[4]]
            assert row[1] not in had[row[0], row[2]]
    convert_amazon(tmp_path / "raw", tmp_path / "c", AmazonOptions(**{**vars(options), "seed": 5}))
    assert _inter(tmp_path / "c") != written


def test_an_item_that_the_user_had_at_another_time_is_not_a_negative(tmp_path: Path) -> None:
    rows = [
        old(f"U{u}", f"B{b}", 5.0, 1400000000 + 86400 * ((u + b) % 4))
        for u in range(8)
        for b in range(12)
        if (u + b) % 3
    ]
    write_lines(tmp_path / "raw" / "A_5.json.gz", rows)
    options = AmazonOptions(implicit=True, sampling="uniform", since="1400086400")
    convert_amazon(tmp_path / "raw", tmp_path / "a", options)
    had = {(row["reviewerID"], row["asin"]) for row in rows}
    negatives = {tuple(row[:2]) for row in _inter(tmp_path / "a") if row[3] == "0"}
    assert negatives
    assert not negatives & had


def test_a_description_that_contains_another_id_is_read(tmp_path: Path) -> None:
    write_lines(tmp_path / "raw" / "A_5.json.gz", [old("U1", "B1"), old("U2", "B1", 1.0)])
    text = "<a onclick=\"go({'asin': 'B999'})\">"
    meta = [{"description": [text], "title": "Soap", "asin": "B1"}, {"title": text, "asin": "B7"}]
    write_lines(tmp_path / "raw" / "meta_A.json.gz", meta)
    report = convert_amazon(tmp_path / "raw", tmp_path / "a")
    assert "\tSoap" in (tmp_path / "a" / "a.item").read_text()
    assert report.dropped["description of a product nobody reviewed"] == 1


def test_a_user_who_has_every_item_gets_no_negative(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "raw" / "A_5.json.gz", [old("U1", "B1"), old("U1", "B2"), old("U2", "B1")]
    )
    report = convert_amazon(tmp_path / "raw", tmp_path / "a", AmazonOptions(implicit=True))
    assert Counter((row[0], row[3]) for row in _inter(tmp_path / "a")) == {
        ("U1", "1"): 2,
        ("U2", "1"): 1,
        ("U2", "0"): 1,
    }
    assert report.notes[0].startswith("2 negatives could not be drawn")


@pytest.mark.usefixtures("old_numpy_names")
def test_recbole_loads_every_row(real_data: Path, tmp_path: Path) -> None:
    from recbole.config import Config
    from recbole.data import create_dataset

    convert_amazon(real_data / "amazon2018", tmp_path / "a")
    settings = yaml.safe_load((tmp_path / "a" / "a.yaml").read_text())
    changed = {**settings, "data_path": str(tmp_path), "state": "ERROR"}
    dataset = create_dataset(Config(model="DeepFM", dataset="a", config_dict=changed))
    rows = _inter(tmp_path / "a")
    assert dataset.inter_num == len(rows)
    for i in range(0, len(rows), 97):
        for j, name in enumerate(("user_id", "item_id", "scenario")):
            assert dataset.id2token(name, int(dataset.inter_feat[name][i])) == rows[i][j]
        assert float(dataset.inter_feat["label"][i]) == float(rows[i][3])
    assert set(dataset.item_feat.columns) == {"item_id", "brand", "category", "price_bucket"}


def test_the_reference_reading_has_the_duplicates(real_data: Path) -> None:
    lines = gzip_lines(real_data / "amazon2018" / "All_Beauty_5.json.gz")
    assert len(lines) - len(set(lines)) == 1027
    assert json.loads(lines[0])["reviewerID"] == "A3CIUOJXQ5VDQ2"

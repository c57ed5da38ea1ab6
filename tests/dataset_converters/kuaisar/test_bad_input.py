"""Bad KuaiSAR input: errors name file, line and column, and nothing is written."""

import json
import zipfile
from pathlib import Path

import pytest

from dataset_converters.errors import BadRowsError, ConverterError
from dataset_converters.kuaisar import KuaisarOptions, convert_kuaisar
from tests.dataset_converters.kuaisar_samples import COLUMNS, VALID
from tests.dataset_converters.reference_reading import read_atomic

# file, its second data row, column named, reason named
BAD = [
    ("rec_inter.csv", "2,11,9,4,1684761003000.0,0,0,0,0,0,2,t", "click", "neither 0 nor 1"),
    ("rec_inter.csv", "2,11,9,4,1684761003000.0,0,0,0,0,0,,t", "click", "empty"),
    ("rec_inter.csv", "2,11,9,4,nan,0,0,0,0,0,1,t", "timestamp", "not finite"),
    ("rec_inter.csv", "2,11,9,4,inf,0,0,0,0,0,1,t", "timestamp", "not finite"),
    ("rec_inter.csv", "2,11,9,4,-5,0,0,0,0,0,1,t", "timestamp", "negative"),
    ("rec_inter.csv", "2,11,9,4,noon,0,0,0,0,0,1,t", "timestamp", "'noon' is not a number"),
    ("rec_inter.csv", "u2,11,9,4,1684761003000,0,0,0,0,0,1,t", "user_id", "not an integer"),
    ("rec_inter.csv", "2,1.5,9,4,1684761003000,0,0,0,0,0,1,t", "item_id", "not an integer"),
    ("rec_inter.csv", "2,-11,9,4,1684761003000,0,0,0,0,0,1,t", "item_id", "negative"),
    ("rec_inter.csv", "2,11,9,4,1684761003000", None, "5 fields"),
    ("rec_inter.csv", "2,11,9,4,1684761003000.0,0,0,0,0,0,1,t,1", None, "13 fields"),
    ("src_inter.csv", "[],10,-1,1,VIDEO,1,1684761000000,U,t", "click_cnt", "negative"),
    (
        "src_inter.csv",
        "[],10,1,1,VIDEOS,1,1684761000000,U,t",
        "item_type",
        "'VIDEOS' is not",
    ),
    ("src_inter.csv", "[],10,1,,VIDEO,1,1684761000000,U,t", "search_session_id", "empty"),
    ("src_inter.csv", "[x],10,1,1,VIDEO,1,1684761000000,U,t", "keyword", "not a list of word"),
    ("src_inter.csv", "[5,10,1,1,VIDEO,1,1684761000000,U,t", "keyword", "not a list of word"),
    ("user_features.csv", "2,a,7,0,2", "onehot_feat1", "not an integer"),
    (
        "item_features.csv",
        "11,[],45,NORMAL,d,S,5,x,0,空,0,空,0,空,Fo\tod,empty,0,空",
        "first_level_category_name_en",
        "tab or line break",
    ),
    (
        "item_features.csv",
        '11,[],45,NORMAL,d,S,5,x,0,空,0,空,0,空,"Fo\nod",empty,0,空',
        "first_level_category_name_en",
        "spans lines 3 to 4",
    ),
    (
        "item_features.csv",
        "11,[],45,NORMAL,d,S,five,x,0,空,0,空,0,空,Food,empty,0,空",
        "first_level_category_id",
        "not an integer",
    ),
    (
        "item_features.csv",
        "10,[],44,NORMAL,d,S,4,x,0,空,0,空,0,空,Food,empty,0,空",
        None,
        "item_id 10 was described before, with other values",
    ),
]


def _spoil(folder: Path, file: str, row: str) -> None:
    rows = [COLUMNS[file], VALID[file][0], row, *VALID[file][1:]]
    (folder / file).write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("file", "row", "column", "reason"), BAD)
def test_a_bad_row_is_an_error_with_file_line_and_column(
    tiny_kuaisar: Path, tmp_path: Path, file: str, row: str, column: str | None, reason: str
) -> None:
    _spoil(tiny_kuaisar, file, row)
    options = KuaisarOptions(query=True)
    with pytest.raises(BadRowsError) as caught:
        convert_kuaisar(tiny_kuaisar, tmp_path / "k", options)
    message = str(caught.value)
    assert f"{file}, line 3" in message
    assert reason in message
    assert column is None or f"column {column}" in message
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize(("file", "row", "column", "reason"), BAD)
def test_bad_rows_can_be_accepted(
    tiny_kuaisar: Path, tmp_path: Path, file: str, row: str, column: str | None, reason: str
) -> None:
    valid = tmp_path / "valid" / "k"
    convert_kuaisar(tiny_kuaisar, valid, KuaisarOptions(query=True))
    _spoil(tiny_kuaisar, file, row)
    output = tmp_path / "k"
    options = KuaisarOptions(query=True, max_bad_rows=1)
    report = convert_kuaisar(tiny_kuaisar, output, options)
    assert report.dropped["bad rows (rejected.jsonl)"] == 1
    rejected = [json.loads(line) for line in (output / "rejected.jsonl").open(encoding="utf-8")]
    assert [(row["file"], row["line"], row["column"]) for row in rejected] == [(file, 3, column)]
    assert reason in rejected[0]["reason"]
    # The other rows are converted as without the bad one.
    for suffix in ("inter", "user", "item"):
        assert read_atomic(output / f"k.{suffix}") == read_atomic(valid / f"k.{suffix}")


def test_one_bad_row_more_than_accepted_is_an_error(tiny_kuaisar: Path, tmp_path: Path) -> None:
    path = tiny_kuaisar / "rec_inter.csv"
    path.write_text(path.read_text() + "2,x,9,4,1,0,0,0,0,0,1,t\n" * 3)
    with pytest.raises(BadRowsError, match=r"line 7, column item_id.*2 bad rows came before"):
        convert_kuaisar(tiny_kuaisar, tmp_path / "k", KuaisarOptions(max_bad_rows=2))
    assert not (tmp_path / "k").exists()


def test_bytes_that_are_not_utf8(tiny_kuaisar: Path, tmp_path: Path) -> None:
    path = tiny_kuaisar / "item_features.csv"
    path.write_bytes(path.read_bytes().replace(b"noodles", b"nood\xffles"))
    with pytest.raises(BadRowsError, match=r"line 2, column second_level.*not UTF-8"):
        convert_kuaisar(tiny_kuaisar, tmp_path / "k")


def test_bom_crlf_and_no_last_line_break_are_accepted(tiny_kuaisar: Path, tmp_path: Path) -> None:
    convert_kuaisar(tiny_kuaisar, tmp_path / "a" / "k")
    for file in VALID:
        path = tiny_kuaisar / file
        text = path.read_text(encoding="utf-8").replace("\n", "\r\n").rstrip("\r\n")
        path.write_text("\ufeff" + text, encoding="utf-8", newline="")  # BOM, CRLF, no last break
    convert_kuaisar(tiny_kuaisar, tmp_path / "b" / "k")
    for suffix in ("inter", "user", "item"):
        one, other = (tmp_path / side / "k" / f"k.{suffix}" for side in "ab")
        assert one.read_bytes() == other.read_bytes()


def test_a_missing_column_is_an_error_with_a_hint(tiny_kuaisar: Path, tmp_path: Path) -> None:
    path = tiny_kuaisar / "rec_inter.csv"
    path.write_text(path.read_text().replace("click", "clicks", 1))
    with pytest.raises(ConverterError, match=r"rec_inter.csv, line 1: missing column click \(did"):
        convert_kuaisar(tiny_kuaisar, tmp_path / "k")


def test_a_missing_file_is_an_error(tiny_kuaisar: Path, tmp_path: Path) -> None:
    (tiny_kuaisar / "src_inter.csv").unlink()
    with pytest.raises(ConverterError, match=r"missing file src_inter.csv \(files there: item_f"):
        convert_kuaisar(tiny_kuaisar, tmp_path / "k")
    with pytest.raises(ConverterError, match="no such file"):
        convert_kuaisar(tmp_path / "nowhere", tmp_path / "k")


def test_an_empty_result_is_an_error_with_the_reason(tiny_kuaisar: Path, tmp_path: Path) -> None:
    with pytest.raises(ConverterError, match=r"no row is left.*before --since 7"):
        options = KuaisarOptions(since="2024-01-01", item_types=("all",))
        convert_kuaisar(tiny_kuaisar, tmp_path / "k", options)
    (tiny_kuaisar / "rec_inter.csv").write_text("")
    with pytest.raises(ConverterError, match=r"rec_inter.csv: the file is empty"):
        convert_kuaisar(tiny_kuaisar, tmp_path / "k")


def test_an_unclosed_quote_is_not_accepted_as_a_bad_row(tiny_kuaisar: Path, tmp_path: Path) -> None:
    path = tiny_kuaisar / "item_features.csv"
    path.write_text(path.read_text(encoding="utf-8").replace('"Film', '"Film "', 1) + '"', "utf-8")
    with pytest.raises(ConverterError, match="item_features"):
        convert_kuaisar(tiny_kuaisar, tmp_path / "k")
    path.write_text(path.read_text(encoding="utf-8").replace('Television"', "Television", 1))
    with pytest.raises(ConverterError, match="item_features"):
        convert_kuaisar(tiny_kuaisar, tmp_path / "k")


def test_a_damaged_zip(tiny_kuaisar: Path, tmp_path: Path) -> None:
    archive = tmp_path / "zip" / "KuaiSAR.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in VALID:
            file.write(tiny_kuaisar / name, name)
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b",NORMAL,", b",NORMAX,", 1))
    with pytest.raises(ConverterError, match=r"item_features.csv: damaged.*download"):
        convert_kuaisar(archive, tmp_path / "k")
    archive.write_bytes(data.replace(b"PK\x03\x04", b"PK\x03\x05", 1))
    with pytest.raises(ConverterError, match=r"cannot be unpacked .*Bad magic number"):
        convert_kuaisar(archive, tmp_path / "k")
    archive.write_bytes(data[: len(data) // 2])
    for source in (archive, archive.parent):
        with pytest.raises(ConverterError, match=r"KuaiSAR\.zip: neither a folder nor a valid zip"):
            convert_kuaisar(source, tmp_path / "k")
    assert not (tmp_path / "k").exists()

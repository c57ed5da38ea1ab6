"""Scoring a file in blocks: all rows, faults with their row, nothing half written."""

from __future__ import annotations

import polars as pl
import pytest

from recbole_llm4msr.serving import InputError, predict_file, row_files, text_rows

HEADER = "user_id,item_id,scenario,note"


@pytest.fixture
def rows() -> pl.DataFrame:
    n = 5000
    return pl.DataFrame(
        {
            "user_id": [f"u{1 + i % 30}" for i in range(n)],
            "item_id": [f"i{1 + i % 40}" for i in range(n)],
            "scenario": [("feed", "mail", "search")[i % 3] for i in range(n)],
            "note": [None if i % 7 == 0 else f'a "{i}", b' for i in range(n)],
        }
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("target", ["out.parquet", "out.csv"])
def test_the_columns_and_a_score_are_written(scorer, rows, tmp_path, monkeypatch, suffix, target):
    monkeypatch.setattr(row_files, "ROWS", 700)
    monkeypatch.setattr(text_rows, "BYTES", 20_000)
    source, done = tmp_path / f"rows.{suffix}", []
    rows.write_csv(source) if suffix == "csv" else rows.write_parquet(source)
    out = tmp_path / target
    n = predict_file(scorer, source, out, report_progress=lambda *args: done.append(args))
    assert n == len(rows) and len(done) > 3  # several blocks
    assert [args[0] for args in done] == sorted(args[0] for args in done)
    assert done[-1] == (len(rows), source.stat().st_size, source.stat().st_size)
    written = pl.read_parquet(out) if target.endswith("parquet") else pl.read_csv(out)
    expected = scorer.predict(rows)
    assert written.columns == expected.columns
    assert written.drop("score").equals(expected.drop("score"))
    difference = (written["score"] - expected["score"]).abs().max()
    assert difference < 1e-6
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith((".", "out"))) == [target]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; its first line has to name the columns"),
        (f"{HEADER}\n", "the file has no rows"),
        ("user_id,item_id,scenario,user_id\nu1,i1,feed,u1\n", "column 'user_id' is there twice"),
        ("user_id,item_id\nu1,i1\n", "there is no column scenario"),
        (f"{HEADER}\nu1,i1,feed,\nu1,i1,nowhere,\n", "row 2, column scenario: 'nowhere' is not"),
        (f"{HEADER}\nu1,i1,feed\n", "Expected 4 columns, got 3"),
        (f"{HEADER}\nu1,,feed,\n", "row 1, column item_id: is empty"),
        (f"{HEADER}\n{'x' * 10_000_000},i1,feed,\n", "row 1, column user_id: 'xxx"),
        (f'{HEADER}\nu1,i1,feed,"{"x" * 40_000_000}\n', "a row is longer than 16 MiB, or a quote"),
        (f'{HEADER}\nu1,i1,feed,"open\nu1,i1,feed,\n', r'a quote \("\) is not closed'),
        ("user_id,item_id,scenario,score\nu1,i1,feed,1\n", "there is a column 'score' already"),
        ("\xff\xfe", "there is no column user_id"),
    ],
    ids=lambda value: value[:40],
)
def test_a_faulty_file_is_named_and_nothing_is_written(scorer, tmp_path, text, message) -> None:
    source, target = tmp_path / "rows.csv", tmp_path / "out.csv"
    source.write_text(text)
    target.write_text("as before")
    with pytest.raises(InputError, match=message) as error:
        predict_file(scorer, source, target)
    assert str(error.value).startswith(f"{source}: ") and len(str(error.value)) < 600
    assert target.read_text() == "as before"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["out.csv", "rows.csv"]


def test_a_fault_in_a_later_block_has_its_row(scorer, rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(row_files, "ROWS", 700)
    broken = rows.with_columns(
        user_id=pl.when(pl.int_range(pl.len()) == 4321).then(pl.lit("no")).otherwise("user_id")
    )
    broken.write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="row 4322, column user_id: 'no' is not known"):
        predict_file(scorer, tmp_path / "rows.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    n = predict_file(
        scorer, tmp_path / "rows.parquet", tmp_path / "out.parquet", on_unknown="score"
    )
    assert n == len(rows)


def test_other_files_are_refused(scorer, tmp_path, rows) -> None:
    with pytest.raises(FileNotFoundError, match="none.csv: there is no such file"):
        predict_file(scorer, tmp_path / "none.csv", tmp_path / "out.csv")
    (tmp_path / "rows.xlsx").write_text("x")
    with pytest.raises(InputError, match=".xlsx is not one of .parquet, .csv, .tsv, .inter"):
        predict_file(scorer, tmp_path / "rows.xlsx", tmp_path / "out.csv")
    rows.write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="output: out.json does not end in one of .parquet"):
        predict_file(scorer, tmp_path / "rows.parquet", tmp_path / "out.json")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="bad.parquet: "):
        predict_file(scorer, tmp_path / "bad.parquet", tmp_path / "out.csv")
    with pytest.raises(InputError, match="neither error nor score"):
        predict_file(scorer, tmp_path / "rows.parquet", tmp_path / "out.csv", on_unknown="skip")

"""Fields that belong to a single interaction: floats, tokens and sequences in the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recbole_llm4msr import run
from recbole_llm4msr.serving import InputError, Scorer
from recbole_llm4msr.serving.export import parts
from recbole_llm4msr.serving.export.run import export_checkpoint
from tests.toy import toy_settings, write_toy

from .conftest import Exported

HEADER = "user_id:token\titem_id:token\tscenario:token\tlabel:float\thour:float\tquery:token_seq"


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    folder = tmp_path_factory.mktemp("interaction")
    data = write_toy(folder)
    lines = (data / "toy.inter").read_text().splitlines()[1:]
    rows = [line.split("\t")[:4] for line in lines]
    rows = [[*row, str(n % 24), f"w{n % 3} w{n % 5}"] for n, row in enumerate(rows)]
    (data / "toy.inter").write_text("\n".join([HEADER, *map("\t".join, rows)]) + "\n")
    (data / "toy.yaml").write_text(
        "load_col:\n  inter: [user_id, item_id, scenario, label, hour, query]\n"
        "numerical_features: [hour]\nnormalize_field: [hour]\nTIME_FIELD: ~\n"
    )
    run("SharedBottom", "toy", config_dict=toy_settings(folder), command_line=[])
    checkpoint = next((folder / "saved").glob("*.pth"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "OWN_GRAPHS", 0)
        manifest = export_checkpoint(checkpoint, folder / "artefact")
    return Exported(checkpoint, folder / "artefact", manifest, {})


@pytest.fixture(scope="module")
def scorer(exported) -> Scorer:
    return Scorer.load(exported.folder)


def rows(**columns) -> pl.DataFrame:
    given = {"user_id": ["u1"] * 2, "item_id": ["i1"] * 2, "scenario": ["feed"] * 2}
    return pl.DataFrame({**given, "hour": [3.0, 20.0], "query": ["w1 w2", "w0"], **columns})


def test_the_test_rows_of_the_data_score_as_in_torch(exported) -> None:
    assert exported.manifest["check"]["rows"] == 150
    assert exported.manifest["check"]["difference"] <= 1e-5
    hour = next(field for field in exported.manifest["fields"] if field["name"] == "hour")
    assert (hour["low"], hour["high"]) == (0.0, 23.0)  # the range of the training rows


def test_what_a_row_says_changes_its_score(scorer) -> None:
    base = scorer.predict(rows())["score"].to_numpy()
    assert base[0] != base[1]
    other_hour = scorer.predict(rows(hour=[4.0, 20.0]))["score"].to_numpy()
    assert other_hour[0] != base[0] and other_hour[1] == base[1]
    lists = scorer.predict(rows(query=[["w1", "w2"], ["w0"]]))["score"].to_numpy()
    texts = scorer.predict(rows(hour=["3", "20.0"]))["score"].to_numpy()
    np.testing.assert_array_equal(lists, base)
    np.testing.assert_array_equal(texts, base)


def test_unknown_words_are_left_out_of_a_sequence(scorer) -> None:
    base = scorer.predict(rows())["score"].to_numpy()
    more = scorer.predict(rows(query=["w1  new w2", "other w0"]))["score"].to_numpy()
    np.testing.assert_array_equal(more[1:], base[1:])
    assert np.isfinite(scorer.predict(rows(query=[None, ""]))["score"].to_numpy()).all()


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ([1.0, float("nan")], "row 2, column hour: nan is not a finite number"),
        ([float("inf"), 1.0], "row 1, column hour: inf is not a finite number"),
        ([1.0, 1e300], "row 2, column hour: 1e.300 is too large for float32"),
        ([1.0, None], "row 2, column hour: is empty"),
        (["1", "noon"], "row 2, column hour: 'noon' is not a number"),
        ([True, False], "the column 'hour' holds Boolean instead of numbers"),
    ],
    ids=str,
)
def test_a_float_that_is_none_is_named(scorer, hours, message) -> None:
    with pytest.raises(InputError, match=message):
        scorer.predict(rows(hour=hours))


def test_items_cannot_be_recommended_without_the_fields_of_a_row(scorer) -> None:
    with pytest.raises(InputError, match="the model reads 'query', which belongs to a single"):
        scorer.recommend(["u1"], "feed")


def test_files_of_every_form_score_the_same(scorer, tmp_path: Path) -> None:
    from recbole_llm4msr.serving import predict_file

    frame = rows()
    frame.write_csv(tmp_path / "rows.csv")
    frame.write_csv(tmp_path / "rows.tsv", separator="\t")
    frame.write_parquet(tmp_path / "rows.parquet")
    types = {"hour": "float", "query": "token_seq"}
    header = "\t".join(f"{name}:{types.get(name, 'token')}" for name in frame.columns)
    body = frame.write_csv(separator="\t", include_header=False, quote_style="never")
    (tmp_path / "rows.inter").write_text(f"{header}\n{body}")
    expected = scorer.predict(frame)["score"]
    for name in ("rows.csv", "rows.tsv", "rows.parquet", "rows.inter"):
        assert predict_file(scorer, tmp_path / name, tmp_path / "out.parquet") == 2
        written = pl.read_parquet(tmp_path / "out.parquet")
        assert written.columns == [*frame.columns, "score"]
        assert written["score"].equals(expected), name


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.inter", "rows.parquet"])
def test_nan_in_a_file_is_named_and_nothing_is_written(scorer, tmp_path: Path, name) -> None:
    from recbole_llm4msr.serving import predict_file

    columns = ["user_id", "item_id", "scenario", "hour", "query"]
    lines = [["u1", "i1", "feed", "1.5", "w1"], ["u1", "i1", "feed", "nan", "w1"]]
    if name.endswith(".parquet"):
        frame = pl.DataFrame(lines, schema=columns, orient="row")
        frame.with_columns(pl.col("hour").cast(pl.Float64)).write_parquet(tmp_path / name)
    else:
        types = {"hour": "float", "query": "token_seq"}
        header = [f"{c}:{types.get(c, 'token')}" for c in columns]
        separator = "," if name.endswith(".csv") else "\t"
        lines = [header if name.endswith(".inter") else columns, *lines]
        (tmp_path / name).write_text("".join(f"{separator.join(line)}\n" for line in lines))
    with pytest.raises(InputError, match="row 2, column hour: nan is not a finite number"):
        predict_file(scorer, tmp_path / name, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()

"""Tables and plots read back, and compared with numbers computed by hand."""

from __future__ import annotations

import csv
import json
import math

import polars as pl
import pytest

from recbole_llm4msr.evaluation.benchmark.bootstrap import ResampledUsers
from recbole_llm4msr.evaluation.benchmark.comparison import compare
from recbole_llm4msr.evaluation.benchmark.plots import figure, plots_of, write_png
from recbole_llm4msr.evaluation.benchmark.records import RecordError, Run, append_run, read_runs
from recbole_llm4msr.evaluation.benchmark.report import write_report
from recbole_llm4msr.evaluation.benchmark.tables import frame, latex, markdown
from tests.evaluation.benchmark.runs import make_run


def metrics(auc: float | None, feed: float | None = 0.5) -> dict[str, float | None]:
    return {"auc": auc, "auc@feed": feed, "auc@mean": feed, "logloss": 0.5, "logloss@feed": 0.4}


@pytest.fixture
def runs() -> list[Run]:
    given = [
        ("STAR", None, [0.70, 0.72, 0.71], 0.6),
        ("LLM4MSR_STAR", "STAR", [0.74, 0.75, 0.76], 0.6),
        ("50% | of_it", "STAR", [0.71, 0.74, 0.72], None),
    ]
    return [
        make_run(
            run=name, seed=seed, baseline=baseline, test=metrics(auc, feed), curve=[0.6, 0.7, auc],
            epochs=3, seconds={"training": 10.0 * seed},
        )
        for name, baseline, aucs, feed in given
        for seed, auc in enumerate(aucs, start=1)
    ]  # fmt: skip


@pytest.fixture
def comparison(runs, tmp_path):
    return compare(runs, "auc", ResampledUsers(tmp_path))


def test_a_scenario_called_all_and_the_column_of_all_rows_are_two(tmp_path) -> None:
    run = make_run(test={"auc": 0.7, "auc@all": 0.6, "auc@mean": 0.6})
    cells = compare([run], "auc", ResampledUsers(tmp_path)).rows[0].cells
    found = {name: cell.mean for name, cell in cells.items()}
    assert found == {"mean": 0.6, "@all": 0.6, "all": 0.7}


def test_a_model_tested_on_other_rows_is_told_and_costs_no_table(tmp_path, caplog) -> None:
    for name, n in (("a", 40), ("b", 40), ("c", 30)):
        frame = {"user": [f"u{i % 9}" for i in range(n)], "label": [i % 2 for i in range(n)]}
        pl.DataFrame({**frame, "score": [0.5] * n}).write_parquet(tmp_path / f"{name}.parquet")
    runs = [
        make_run(run=name, baseline=None if name == "a" else "a", predictions=f"{name}.parquet")
        for name in "abc"
    ]
    write_report(runs, tmp_path)
    assert "c was not tested on the same rows as a" in caplog.text
    *_, b, c = (line for line in (tmp_path / "auc.csv").read_text().splitlines() if line)
    assert compare(runs, "auc", ResampledUsers(tmp_path)).best("all", 4) == {"a", "b"}
    assert b.split(",")[3:6] == ["a", "0.0", "0.0"]
    assert c.split(",")[3:6] == ["a", "", ""]


def test_what_most_models_were_tested_on_decides_who_can_be_best(tmp_path) -> None:
    for name, items in (("a", "xy"), ("b", "xz"), ("c", "xz")):
        frame = {"user": ["u", "u"], "item": list(items), "label": [0, 1], "score": [0.5, 0.6]}
        pl.DataFrame(frame).write_parquet(tmp_path / f"{name}.parquet")
    scores = {"a": 0.9, "b": 0.7, "c": 0.8}
    runs = [
        make_run(run=n, test={"auc": v}, baseline="a", predictions=f"{n}.parquet")
        for n, v in scores.items()
    ]
    assert compare(runs, "auc", ResampledUsers(tmp_path)).best("all", 4) == {"c"}


def test_markdown_says_what_the_runs_say(comparison) -> None:
    head, _, star, ours, odd = (
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in markdown(comparison).replace(r"\|", "/").splitlines()
    )
    assert head[:4] == ["run", "feed", "mean", "all"]
    assert star == ["STAR", "**0.6000 ± 0.0000**", "**0.6000 ± 0.0000**", "0.7100 ± 0.0100",
                    "-", "-", "-", "-", "3", "3.0", "20"]  # fmt: skip
    assert ours[3:6] == ["**0.7500 ± 0.0100**", "STAR", "+0.0400"]
    assert odd[:3] == ["50% / of_it", "-", "-"]  # a scenario that cannot be computed
    # t = .04 / (.01 / sqrt 3) on two degrees of freedom, and .0133 / (.00577 / sqrt 3), times two
    # and one after Holm
    assert float(ours[7]) == pytest.approx(2 * 0.020204, abs=2e-4)
    assert float(odd[7]) == pytest.approx(0.0572, abs=2e-4)


def test_latex_compiles_by_its_looks(comparison) -> None:
    text = latex(comparison)
    lines = text.splitlines()
    assert lines[0].startswith(r"\begin{tabular}{lrrr") and lines[-1] == r"\end{tabular}"
    assert r"LLM4MSR\_STAR" in text and r"50\% | of\_it" in text
    assert r"\textbf{0.7500 $\pm$ 0.0100}" in text
    body = [line for line in lines if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in body}) == 1 and len(body) == 4


def test_csv_has_the_numbers_unrounded(comparison) -> None:
    table = frame(comparison).set_index("run")
    assert table.loc["STAR", "all"] == pytest.approx(0.71, abs=1e-12)
    assert table.loc["LLM4MSR_STAR", "difference"] == pytest.approx(0.04, abs=1e-12)
    assert table.loc["LLM4MSR_STAR", "p corrected"] == pytest.approx(
        2 * table.loc["LLM4MSR_STAR", "p"]
    )
    assert math.isnan(table.loc["50% | of_it", "feed"])


def test_one_seed_has_no_deviation_and_no_p(runs, tmp_path) -> None:
    one = [run for run in runs if run.seed == 1]
    text = markdown(compare(one, "auc", ResampledUsers(tmp_path)))
    assert "±" not in text
    assert "| STAR | +0.0400 | - | - | 1 |" in text


def test_less_logloss_is_best(tmp_path) -> None:
    runs = [make_run(run=name, test={"logloss": v}) for name, v in (("a", 0.5), ("b", 0.4))]
    assert compare(runs, "logloss", ResampledUsers(tmp_path)).best("all", 4) == {"b"}


def test_the_report_is_written_whole(runs, tmp_path) -> None:
    files, comparison = write_report(runs, tmp_path)
    names = {file.name for file in files}
    assert names == {
        "auc.tex", "auc.csv", "logloss.tex", "logloss.csv", "tables.md",
        "gain.html", "gain.png", "curves.html", "curves.png", "time.html", "time.png",
    }  # fmt: skip
    assert all(file.stat().st_size for file in files)
    text = (tmp_path / "tables.md").read_text()
    assert comparison.metric == "auc" and markdown(comparison) in text
    assert text.count("## auc") == text.count("## logloss") == 1
    with (tmp_path / "logloss.csv").open() as file:
        assert [row["run"] for row in csv.DictReader(file)] == [
            "STAR",
            "LLM4MSR_STAR",
            "50% | of_it",
        ]


def test_plots_show_the_numbers(runs, tmp_path) -> None:
    gain, curves, time = (figure(plot) for plot in plots_of(runs, ResampledUsers(tmp_path)))
    assert gain.data[0].name == "LLM4MSR_STAR over STAR"
    assert dict(zip(gain.data[0].x, gain.data[0].y, strict=True)) == pytest.approx(
        {"all rows": 0.04, "feed": 0.0}
    )
    assert gain.data[1].x == ("all rows",)  # the scenario that cannot be computed is left out
    assert curves.data[1].y == pytest.approx((0.6, 0.7, 0.75))
    assert (time.data[0].x, time.data[0].y) == ((20.0,), (pytest.approx(0.71),))


def test_a_picture_can_be_read(runs, tmp_path) -> None:
    from matplotlib.image import imread

    write_png(plots_of(runs, ResampledUsers(tmp_path))[0], tmp_path / "p.png")
    assert imread(tmp_path / "p.png").std() > 0


def test_records_come_back_as_they_were(runs, tmp_path) -> None:
    for run in runs:
        append_run(tmp_path / "r" / "runs.jsonl", run)
    assert read_runs(tmp_path / "r" / "runs.jsonl") == runs


def test_a_whole_last_line_without_its_end_is_kept(runs, tmp_path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(runs[0].to_json())
    append_run(path, runs[1])
    assert read_runs(path) == runs[:2]
    path.write_text(path.read_text() + '{"run": "a"}')
    with pytest.raises(RecordError, match="line 3: the run is missing"):
        read_runs(path)


def test_a_line_that_a_killed_process_left_is_dropped(runs, tmp_path) -> None:
    path = tmp_path / "runs.jsonl"
    append_run(path, runs[0])
    path.write_text(path.read_text() + runs[1].to_json()[:50])
    with pytest.warns(UserWarning, match="line 2: cut off"):
        assert read_runs(path) == runs[:1]
    append_run(path, runs[2])
    assert read_runs(path) == [runs[0], runs[2]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        (json.dumps({"run": "a", "colour": 1}), "unknown key 'colour'"),
        (json.dumps({"run": "a"}), "missing 6 required positional arguments"),
    ],
)
def test_any_other_broken_line_is_an_error_with_its_place(runs, tmp_path, line, message) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{runs[0].to_json()}\n{line}\n")
    with pytest.raises(RecordError, match=f"runs.jsonl, line 2: .*{message}"):
        read_runs(path)

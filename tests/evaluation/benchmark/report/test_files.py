"""Files of a report."""

from __future__ import annotations

import csv

import polars as pl

from recbole_llm4msr.evaluation.benchmark.report import write_report
from recbole_llm4msr.evaluation.benchmark.report.tables import markdown
from recbole_llm4msr.evaluation.benchmark.statistics import (
    ResampledUsers,
    compare,
)
from tests.evaluation.benchmark.runs import make_run


def test_a_model_tested_on_other_rows_is_a_warning_and_the_tables_are_written(
    tmp_path, caplog
) -> None:
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


def test_report_writes_all_files(runs, tmp_path) -> None:
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

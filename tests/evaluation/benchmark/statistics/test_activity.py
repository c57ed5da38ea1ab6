"""AUC of cold and active users, compared with groups made by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from recbole_llm4msr.evaluation.benchmark.report import write_report
from recbole_llm4msr.evaluation.benchmark.statistics import (
    group_by_activity,
)
from tests.evaluation.benchmark.runs import make_run


@pytest.fixture
def runs(tmp_path):
    """Two models; the second ranks the rows of active users well."""
    draw = np.random.default_rng(0)
    n_rows = 4000
    seen = np.arange(n_rows) % 40
    label = draw.integers(0, 2, n_rows)
    noise = draw.random(n_rows)
    scores = {"STAR": noise, "LLM4MSR_STAR": np.where(seen > 20, noise + label, noise)}
    for name, score in scores.items():
        frame = {"user": [f"u{n}" for n in seen], "label": label, "score": score / 2}
        pl.DataFrame({**frame, "train_rows": seen}).write_parquet(tmp_path / f"{name}.parquet")
    return [
        make_run(run="STAR", predictions="STAR.parquet"),
        make_run(run="LLM4MSR_STAR", predictions="LLM4MSR_STAR.parquet", baseline="STAR"),
        make_run(run="without predictions"),
    ]


def test_each_activity_group_has_a_quarter_of_the_rows(runs, tmp_path) -> None:
    star, ours = group_by_activity(runs, tmp_path)
    assert [key for key in star.test if key.startswith("auc@")] == [
        "auc@up to 9", "auc@10 to 19", "auc@20 to 29", "auc@over 29", "auc@mean",
    ]  # fmt: skip
    frame = pl.read_parquet(tmp_path / "LLM4MSR_STAR.parquet")
    for key, low, high in (("up to 9", 0, 9), ("20 to 29", 20, 29), ("over 29", 30, 99)):
        rows = frame.filter(pl.col("train_rows").is_between(low, high))
        assert ours.test[f"auc@{key}"] == pytest.approx(roc_auc_score(rows["label"], rows["score"]))
        assert len(rows) == len(frame) / 4
    assert ours.test["auc@up to 9"] == star.test["auc@up to 9"]
    assert ours.test["auc@over 29"] == 1.0
    assert ours.test["auc"] == 0.7


def test_report_has_a_table_by_activity(runs, tmp_path) -> None:
    write_report(runs[:2], tmp_path)
    text = (tmp_path / "tables.md").read_text()
    assert "## auc by how many training rows the user had" in text
    assert "| run | up to 9 | 10 to 19 | 20 to 29 | over 29 | mean | all |" in text
    assert (tmp_path / "activity.csv").is_file()


def test_equally_active_users_have_no_groups(tmp_path) -> None:
    frame = {"label": [0, 1], "score": [0.1, 0.2], "train_rows": [3, 3]}
    pl.DataFrame(frame).write_parquet(tmp_path / "p.parquet")
    assert group_by_activity([make_run(predictions="p.parquet")], tmp_path) == []


def test_a_group_with_one_class_has_no_auc(tmp_path) -> None:
    frame = {"label": [0, 0, 1, 0], "score": [0.1, 0.2, 0.3, 0.4], "train_rows": [1, 1, 5, 5]}
    pl.DataFrame(frame).write_parquet(tmp_path / "p.parquet")
    (run,) = group_by_activity([make_run(predictions="p.parquet")], tmp_path)
    assert run.test == {"auc@up to 1": None, "auc@over 1": 0.0, "auc@mean": 0.0, "auc": 0.7}

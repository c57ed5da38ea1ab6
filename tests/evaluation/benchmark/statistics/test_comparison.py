"""Columns and best rows of a comparison."""

from __future__ import annotations

import polars as pl

from recbole_llm4msr.evaluation.benchmark.statistics import (
    ResampledUsers,
    compare,
)
from tests.evaluation.benchmark.runs import make_run


def test_a_scenario_named_all_has_its_own_column(tmp_path) -> None:
    run = make_run(test={"auc": 0.7, "auc@all": 0.6, "auc@mean": 0.6})
    cells = compare([run], "auc", ResampledUsers(tmp_path)).rows[0].cells
    means = {name: cell.mean for name, cell in cells.items()}
    assert means == {"mean": 0.6, "@all": 0.6, "all": 0.7}


def test_only_models_tested_on_the_most_common_rows_can_be_best(tmp_path) -> None:
    for name, items in (("a", "xy"), ("b", "xz"), ("c", "xz")):
        frame = {"user": ["u", "u"], "item": list(items), "label": [0, 1], "score": [0.5, 0.6]}
        pl.DataFrame(frame).write_parquet(tmp_path / f"{name}.parquet")
    scores = {"a": 0.9, "b": 0.7, "c": 0.8}
    runs = [
        make_run(run=n, test={"auc": v}, baseline="a", predictions=f"{n}.parquet")
        for n, v in scores.items()
    ]
    assert compare(runs, "auc", ResampledUsers(tmp_path)).best("all", 4) == {"c"}


def test_lower_logloss_is_best(tmp_path) -> None:
    runs = [make_run(run=name, test={"logloss": v}) for name, v in (("a", 0.5), ("b", 0.4))]
    assert compare(runs, "logloss", ResampledUsers(tmp_path)).best("all", 4) == {"b"}

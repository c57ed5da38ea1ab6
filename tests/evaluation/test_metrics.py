from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from recbole.evaluator.collector import DataStruct
from sklearn.metrics import log_loss, roc_auc_score

from recbole_llm4msr.evaluation import ScenarioCollector, ScenarioEvaluator, gauc


def slow_gauc(scores, labels, users) -> float:
    total = weight = 0.0
    for user in set(users.tolist()):
        mine = users == user
        if 0 < labels[mine].sum() < mine.sum():
            total += mine.sum() * roc_auc_score(labels[mine], scores[mine])
            weight += mine.sum()
    return total / weight


class Settings(dict):
    def __getitem__(self, key):
        return self.get(key)


SETTINGS = Settings(
    metrics=["AUC", "LogLoss", "GAUC"],
    metric_decimal_place=6,
    LABEL_FIELD="label",
    USER_ID_FIELD="user",
    ITEM_ID_FIELD="item",
    SCENARIO_FIELD="scenario",
    eval_args={"mode": {"valid": "labeled", "test": "labeled"}},
    topk=[10],
    device="cpu",
)


def rows(n: int = 500, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "rec.score": rng.integers(1, 20, n) / 20,  # many ties
        "data.label": rng.integers(0, 2, n).astype(np.float32),
        "data.user": rng.integers(1, 60, n) * 1000,
        "data.scenario": rng.integers(1, 4, n),
    }


def struct(columns: dict[str, np.ndarray]) -> DataStruct:
    made = DataStruct()
    for key, values in columns.items():
        made.set(key, torch.as_tensor(values))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_gauc_equals_the_average_over_users_with_ties(seed: int) -> None:
    columns = rows(seed=seed)
    args = columns["rec.score"], columns["data.label"], columns["data.user"]
    assert gauc(*args) == pytest.approx(slow_gauc(*args), abs=1e-12)


def test_gauc_without_a_user_of_both_classes_is_nan() -> None:
    assert math.isnan(gauc(np.array([0.1, 0.9]), np.array([0.0, 1.0]), np.array([1, 2])))


def test_every_metric_is_given_overall_per_scenario_and_as_mean() -> None:
    columns = rows()
    result = ScenarioEvaluator(SETTINGS, ["a", "b", "c"]).evaluate(struct(columns))
    score, label = columns["rec.score"], columns["data.label"]
    assert result["auc"] == pytest.approx(roc_auc_score(label, score), abs=1e-6)
    assert result["logloss"] == pytest.approx(log_loss(label, score), abs=1e-5)
    for i, name in enumerate("abc", start=1):
        mine = columns["data.scenario"] == i
        assert result[f"auc@{name}"] == pytest.approx(
            roc_auc_score(label[mine], score[mine]), abs=1e-6
        )
        expected = slow_gauc(score[mine], label[mine], columns["data.user"][mine])
        assert result[f"gauc@{name}"] == pytest.approx(expected, abs=1e-6)
    for metric in ("auc", "logloss", "gauc"):
        mean = np.mean([result[f"{metric}@{name}"] for name in "abc"])
        assert result[f"{metric}@mean"] == pytest.approx(mean, abs=1e-6)
    assert all(result[key] == round(result[key], 6) for key in result)


def test_scenario_with_one_class_or_no_row_is_reported_and_left_out_of_the_mean(caplog) -> None:
    columns = rows()
    columns["data.label"][columns["data.scenario"] == 2] = 1
    evaluator = ScenarioEvaluator(SETTINGS, ["a", "b", "c", "d"])
    result = evaluator.evaluate(struct(columns))
    assert math.isnan(result["auc@b"])
    assert math.isnan(result["gauc@b"])
    assert result["logloss@b"] > 0  # a loss needs no second class
    assert math.isnan(result["auc@d"])
    assert result["auc@mean"] == pytest.approx((result["auc@a"] + result["auc@c"]) / 2, abs=1e-6)
    assert "Scenario b has only the label 1" in caplog.text
    assert "Scenario d has no rows" in caplog.text


def test_many_scenarios_without_an_auc_are_one_warning(caplog):
    names = [f"s{n:02d}" for n in range(40)]
    struct = DataStruct()
    for key, values in {
        "rec.score": torch.rand(80),
        "data.label": torch.tensor([0.0] + [1.0] * 79),
        "data.user": torch.arange(80),
        "data.scenario": torch.arange(80) % 40 + 1,
    }.items():
        struct.set(key, values)
    with caplog.at_level("WARNING"):
        ScenarioEvaluator(SETTINGS, names).evaluate(struct)
    (record,) = [r for r in caplog.records if "no AUC" in r.message]
    assert "Scenario s01, Scenario s02" in record.message
    assert "and 34 more have only the label 1 here" in record.message


def test_a_split_of_a_single_row_has_a_logloss() -> None:
    one = {key: values[:1] for key, values in rows().items()}
    result = ScenarioEvaluator(SETTINGS, ["a", "b", "c"]).evaluate(struct(one))
    assert result["logloss"] > 0 and math.isnan(result["auc"]) and math.isnan(result["auc@mean"])


def test_a_scenario_with_a_single_row_has_a_logloss() -> None:
    columns = rows()
    columns["data.scenario"][columns["data.scenario"] == 2] = 1
    columns["data.scenario"][7] = 2
    columns["rec.score"][7], columns["data.label"][7] = 0.4, 1
    result = ScenarioEvaluator(SETTINGS, ["a", "b", "c"]).evaluate(struct(columns))
    assert result["logloss@b"] == pytest.approx(-math.log(0.4), abs=1e-5)
    assert math.isnan(result["auc@b"])


def test_collector_joins_batches_once_and_starts_anew() -> None:
    from recbole.data.interaction import Interaction

    collector = ScenarioCollector(SETTINGS)
    columns = rows(10)
    for _ in range(2):
        for part in (slice(0, 7), slice(7, 10)):
            batch = {
                name: torch.as_tensor(columns[f"data.{name}"][part])
                for name in ("label", "user", "scenario")
            }
            scores = torch.as_tensor(columns["rec.score"][part])
            collector.eval_batch_collect(scores, Interaction(batch), None, None)
        collected = collector.get_data_struct()
        assert len(collected.get("rec.score")) == 10
        assert collected.get("data.user").tolist() == columns["data.user"].tolist()
        assert "data.item" not in collected


def test_predictions_are_written_with_raw_tokens(tmp_path) -> None:
    from recbole_llm4msr.evaluation import save_predictions

    class Tokens:
        uid_field, iid_field, scenario_field = "user", "item", "scenario"
        user_num = 60_000
        inter_feat: ClassVar = {"user": torch.tensor([39_000, 54_000, 54_000])}

        def raw_tokens(self, field, ids):
            return pl.Series([f"{field}{i}" for i in ids])

    columns = rows(5)
    columns["data.item"] = np.arange(1, 6)
    path = tmp_path / "deep" / "p.parquet"
    save_predictions(path, struct(columns), Tokens(), Tokens())
    frame = pl.read_parquet(path)
    assert frame.columns == ["user", "item", "scenario", "label", "score", "train_rows"]
    seen = {39_000: 1, 54_000: 2}
    assert frame["train_rows"].to_list() == [seen.get(u, 0) for u in columns["data.user"].tolist()]
    assert frame["item"].to_list() == [f"item{i}" for i in range(1, 6)]
    assert [p.name for p in path.parent.iterdir()] == ["p.parquet"]

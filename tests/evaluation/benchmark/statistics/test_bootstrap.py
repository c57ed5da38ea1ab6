"""The user bootstrap, compared with slow computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from recbole_llm4msr.evaluation.benchmark.statistics import (
    ResampledUsers,
)
from recbole_llm4msr.evaluation.benchmark.statistics.bootstrap import Ranking
from tests.evaluation.benchmark.runs import make_run, write_predictions


def test_weighted_auc_equals_auc_of_repeated_rows() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        score = draw.integers(0, 8, 60) / 8  # many ties
        label, weight = draw.random(60) < 0.4, draw.integers(0, 4, 60)
        again = np.repeat(np.arange(60), weight)
        ranking = Ranking(score, label)
        slow = roc_auc_score(label[again], score[again])
        weighted = ranking.auc(weight[ranking.positive], weight[ranking.negative])
        assert weighted == pytest.approx(slow)
    assert math.isnan(Ranking(score, np.ones(60, bool)).auc(np.ones(60, int), np.ones(0, int)))


def made_up(folder, gain: float, n: int = 400):
    """Two runs whose scores tell labels apart by chance, one of them ``gain`` better."""
    draw = np.random.default_rng(1)
    label = draw.integers(0, 2, n)
    user = [f"u{i}" for i in draw.integers(0, 80, n)]
    scenario = draw.choice(["a", "b"], n)
    noise = draw.normal(size=n)
    score = {
        side: 1 / (1 + np.exp(-(more * (label - 0.5) + noise)))
        for side, more in (("ours", 0.5 + gain), ("theirs", 0.5))
    }
    for side, values in score.items():
        write_predictions(folder, f"{side}.parquet", label, user, scenario, values)
    runs = {side: make_run(run=side, seed=3, predictions=f"{side}.parquet") for side in score}
    return runs, score, label, np.array(user), scenario


def test_bootstrap_metrics_equal_those_of_the_drawn_users_rows(tmp_path) -> None:
    runs, score, label, user, scenario = made_up(tmp_path, 1.0)
    drawn_metrics = ResampledUsers(tmp_path, resamples=5, seed=7).metrics(runs["ours"])
    names = list(dict.fromkeys(user))
    drawn = np.random.default_rng(7).poisson(1, (len(names), 5))
    for r in range(5):
        times = dict(zip(names, drawn[:, r], strict=True))
        rows = np.repeat(np.arange(len(user)), [times[name] for name in user])
        for suffix, at in (("", rows), ("@a", rows[scenario[rows] == "a"])):
            auc = roc_auc_score(label[at], score["ours"][at])
            assert drawn_metrics[f"auc{suffix}"][r] == pytest.approx(auc)
            loss = log_loss(label[at], score["ours"][at])
            assert drawn_metrics[f"logloss{suffix}"][r] == pytest.approx(loss)


def test_interval_excludes_zero_for_a_planted_gain_and_is_zero_without_one(tmp_path) -> None:
    runs, *_ = made_up(tmp_path, 1.0)
    users = ResampledUsers(tmp_path, resamples=200)
    low, high = users.interval([runs["ours"]], [runs["theirs"]], "auc")
    assert 0 < low < high
    low, high = users.interval([runs["ours"]], [runs["theirs"]], "logloss")
    assert low < high < 0
    assert users.interval([runs["ours"]], [runs["ours"]], "auc") == (0, 0)
    assert users.interval([runs["ours"]], [make_run(seed=3)], "auc") is None
    assert users.interval([runs["ours"]], [make_run(seed=4)], "auc") is None


def test_models_tested_on_other_rows_have_no_interval(tmp_path) -> None:
    runs, score, label, user, scenario = made_up(tmp_path, 1.0)
    write_predictions(tmp_path, "theirs.parquet", 1 - label, user, scenario, score["theirs"])
    users = ResampledUsers(tmp_path, resamples=2)
    pair = [runs["ours"]], [runs["theirs"]]
    assert not users.same_rows(*pair)
    assert users.interval(*pair, "auc") is None
    assert users.same_rows([runs["ours"]], [runs["ours"]])


def test_interval_with_other_test_rows_per_seed(tmp_path) -> None:
    runs, score, label, user, scenario = made_up(tmp_path, 1.0)
    pairs = {"ours": [runs["ours"]], "theirs": [runs["theirs"]]}
    for side, own in pairs.items():
        own.append(make_run(run=side, seed=4, predictions=f"{side}4.parquet"))
        half = (label[::2], user[::2], scenario[::2], score[side][::2])
        write_predictions(tmp_path, f"{side}4.parquet", *half)
    low, high = ResampledUsers(tmp_path, 100).interval(pairs["ours"], pairs["theirs"], "auc")
    assert 0 < low < high

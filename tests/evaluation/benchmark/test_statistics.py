"""Statistics against slow, independent ways of computing them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from recbole_llm4msr.evaluation.benchmark.bootstrap import Ranking, ResampledUsers
from recbole_llm4msr.evaluation.benchmark.statistics import holm, metric_bigger, paired
from tests.evaluation.benchmark.runs import make_run


def runs_of(name: str, values: dict[int, float | None]):
    return [make_run(run=name, seed=seed, test={"auc": v}) for seed, v in values.items()]


def test_more_auc_is_better_and_less_logloss() -> None:
    assert metric_bigger("auc") and metric_bigger("GAUC@feed") and metric_bigger("auc@mean")
    assert not metric_bigger("logloss") and not metric_bigger("LogLoss@feed")


def test_a_paired_t_test_by_its_formula() -> None:
    ours, theirs = {1: 0.71, 2: 0.74, 3: 0.70, 9: 0.1}, {3: 0.68, 1: 0.70, 2: 0.70, 8: 0.9}
    found = paired(runs_of("a", ours), runs_of("b", theirs), "auc")
    d = np.array([0.01, 0.04, 0.02])
    t = d.mean() / (d.std(ddof=1) / math.sqrt(3))
    assert found.mean == pytest.approx(d.mean())
    assert found.p == pytest.approx(2 * stats.t.sf(t, df=2))
    assert found.n_seeds == 3


@pytest.mark.parametrize(
    ("ours", "theirs", "mean", "n_seeds"),
    [
        ({1: 0.7}, {1: 0.6}, 0.1, 1),
        ({1: 0.7, 2: 0.8}, {1: 0.6, 2: 0.7}, 0.1, 2),
        ({1: 0.7, 2: None}, {1: 0.6, 2: 0.7}, 0.1, 1),
        ({1: 0.7}, {2: 0.6}, math.nan, 0),
    ],
)
def test_where_there_is_no_test_there_is_no_p(ours, theirs, mean, n_seeds) -> None:
    found = paired(runs_of("a", ours), runs_of("b", theirs), "auc")
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert (found.p, found.n_seeds) == (None, n_seeds)


def test_holm_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_weighted_auc_is_that_of_repeated_rows() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        score = draw.integers(0, 8, 60) / 8  # many ties
        label, weight = draw.random(60) < 0.4, draw.integers(0, 4, 60)
        again = np.repeat(np.arange(60), weight)
        ranking = Ranking(score, label)
        slow = roc_auc_score(label[again], score[again])
        found = ranking.auc(weight[ranking.positive], weight[ranking.negative])
        assert found == pytest.approx(slow)
    assert math.isnan(Ranking(score, np.ones(60, bool)).auc(np.ones(60, int), np.ones(0, int)))


def write_predictions(folder, name: str, label, user, scenario, score) -> str:
    frame = {"user": user, "item": user, "scenario": scenario, "label": label, "score": score}
    pl.DataFrame(frame).write_parquet(folder / name)
    return name


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


def test_resampled_metrics_are_those_of_the_rows_of_drawn_users(tmp_path) -> None:
    runs, score, label, user, scenario = made_up(tmp_path, 1.0)
    found = ResampledUsers(tmp_path, resamples=5, seed=7).metrics(runs["ours"])
    names = list(dict.fromkeys(user))
    drawn = np.random.default_rng(7).poisson(1, (len(names), 5))
    for r in range(5):
        times = dict(zip(names, drawn[:, r], strict=True))
        rows = np.repeat(np.arange(len(user)), [times[name] for name in user])
        for suffix, at in (("", rows), ("@a", rows[scenario[rows] == "a"])):
            auc = roc_auc_score(label[at], score["ours"][at])
            assert found[f"auc{suffix}"][r] == pytest.approx(auc)
            loss = log_loss(label[at], score["ours"][at])
            assert found[f"logloss{suffix}"][r] == pytest.approx(loss)


def test_a_planted_gain_is_found_and_none_where_there_is_none(tmp_path) -> None:
    runs, *_ = made_up(tmp_path, 1.0)
    users = ResampledUsers(tmp_path, resamples=200)
    low, high = users.interval([runs["ours"]], [runs["theirs"]], "auc")
    assert 0 < low < high
    low, high = users.interval([runs["ours"]], [runs["theirs"]], "logloss")
    assert low < high < 0
    assert users.interval([runs["ours"]], [runs["ours"]], "auc") == (0, 0)
    assert users.interval([runs["ours"]], [make_run(seed=3)], "auc") is None
    assert users.interval([runs["ours"]], [make_run(seed=4)], "auc") is None


def test_models_that_were_tested_on_other_rows_are_not_compared(tmp_path) -> None:
    runs, score, label, user, scenario = made_up(tmp_path, 1.0)
    write_predictions(tmp_path, "theirs.parquet", 1 - label, user, scenario, score["theirs"])
    users = ResampledUsers(tmp_path, resamples=2)
    pair = [runs["ours"]], [runs["theirs"]]
    assert not users.comparable(*pair)
    assert users.interval(*pair, "auc") is None
    assert users.comparable([runs["ours"]], [runs["ours"]])


def test_every_seed_can_have_test_rows_of_its_own(tmp_path) -> None:
    runs, score, label, user, scenario = made_up(tmp_path, 1.0)
    pairs = {"ours": [runs["ours"]], "theirs": [runs["theirs"]]}
    for side, own in pairs.items():
        own.append(make_run(run=side, seed=4, predictions=f"{side}4.parquet"))
        half = (label[::2], user[::2], scenario[::2], score[side][::2])
        write_predictions(tmp_path, f"{side}4.parquet", *half)
    low, high = ResampledUsers(tmp_path, 100).interval(pairs["ours"], pairs["theirs"], "auc")
    assert 0 < low < high

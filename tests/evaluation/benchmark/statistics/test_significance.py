"""Paired t-test and Holm's correction, compared with their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from recbole_llm4msr.evaluation.benchmark.statistics import (
    holm,
    paired_difference,
)
from recbole_llm4msr.evaluation.metrics import higher_is_better
from tests.evaluation.benchmark.runs import make_run


def runs_of(name: str, values: dict[int, float | None]):
    return [make_run(run=name, seed=seed, test={"auc": v}) for seed, v in values.items()]


def test_direction_of_auc_and_logloss() -> None:
    assert (
        higher_is_better("auc") and higher_is_better("GAUC@feed") and higher_is_better("auc@mean")
    )
    assert not higher_is_better("logloss") and not higher_is_better("LogLoss@feed")


def test_paired_t_test_equals_its_formula() -> None:
    ours, theirs = {1: 0.71, 2: 0.74, 3: 0.70, 9: 0.1}, {3: 0.68, 1: 0.70, 2: 0.70, 8: 0.9}
    difference = paired_difference(runs_of("a", ours), runs_of("b", theirs), "auc")
    d = np.array([0.01, 0.04, 0.02])
    t = d.mean() / (d.std(ddof=1) / math.sqrt(3))
    assert difference.mean == pytest.approx(d.mean())
    assert difference.p == pytest.approx(2 * stats.t.sf(t, df=2))
    assert difference.n_seeds == 3


@pytest.mark.parametrize(
    ("ours", "theirs", "mean", "n_seeds"),
    [
        ({1: 0.7}, {1: 0.6}, 0.1, 1),
        ({1: 0.7, 2: 0.8}, {1: 0.6, 2: 0.7}, 0.1, 2),
        ({1: 0.7, 2: None}, {1: 0.6, 2: 0.7}, 0.1, 1),
        ({1: 0.7}, {2: 0.6}, math.nan, 0),
    ],
)
def test_p_value_is_missing_without_enough_seeds(ours, theirs, mean, n_seeds) -> None:
    difference = paired_difference(runs_of("a", ours), runs_of("b", theirs), "auc")
    assert difference.mean == pytest.approx(mean, nan_ok=True)
    assert (difference.p, difference.n_seeds) == (None, n_seeds)


def test_holm_equals_values_computed_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []

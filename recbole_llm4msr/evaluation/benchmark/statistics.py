"""How certain a difference between two models is, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from recbole.evaluator import smaller_metrics
from scipy import stats

from recbole_llm4msr.evaluation.benchmark.records import Run


def metric_bigger(metric: str) -> bool:
    """Whether more of a metric is better; ``@<scenario>`` changes nothing."""
    return metric.split("@")[0].lower() not in smaller_metrics


@dataclass(frozen=True)
class Difference:
    """One model's metric minus another's.

    Attributes:
        mean: Mean over the seeds that both were trained with; ``nan`` where there is none.
        p: Two-sided p-value of a paired t-test; ``None`` where it cannot be computed.
        n_seeds: Number of those seeds.
    """

    mean: float
    p: float | None
    n_seeds: int


def paired(ours: Sequence[Run], theirs: Sequence[Run], metric: str) -> Difference:
    """Compare two models on a test metric, seed by seed.

    A seed fixes the order of the rows and much of the start, so that pairs differ less than runs.
    With one seed, or differences that are all the same, there is no p-value.

    Args:
        ours: Runs of the one model.
        theirs: Runs of the other.
        metric: Key of the test metric.
    """
    other = {run.seed: run.test.get(metric) for run in theirs}
    pairs = [
        (run.test.get(metric), other[run.seed])
        for run in ours
        if run.test.get(metric) is not None and other.get(run.seed) is not None
    ]
    if not pairs:
        return Difference(float("nan"), None, 0)
    left, right = np.array(pairs).T
    differences = left - right
    p = None
    if len(pairs) > 1 and differences.std() > 1e-12:
        p = float(stats.ttest_rel(left, right).pvalue)
    return Difference(float(differences.mean()), p, len(pairs))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for their number, so that the chance of any false one is kept.

    ``None`` is no test and stays as it is.

    Reference:
        Sture Holm. "A Simple Sequentially Rejective Multiple Test Procedure." Scandinavian Journal
        of Statistics 6, 1979.
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = list(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[place] = largest
    return corrected

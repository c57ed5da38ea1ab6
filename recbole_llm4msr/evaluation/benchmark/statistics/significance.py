"""Paired t-test over seeds, and Holm's correction of p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recbole_llm4msr.evaluation.benchmark.execution.records import Run


@dataclass(frozen=True)
class Difference:
    """Difference of one model's metric minus another's.

    Attributes:
        mean: Mean over the seeds that both were trained with; ``nan`` without common seeds.
        p: Two-sided p-value of a paired t-test; ``None`` if it cannot be computed.
        n_seeds: Number of common seeds.
    """

    mean: float
    p: float | None
    n_seeds: int


def paired_difference(ours: Sequence[Run], theirs: Sequence[Run], metric: str) -> Difference:
    """Compare two models on a test metric by a two-sided paired t-test over seeds.

    Runs of one seed share the order of the rows and part of the initialisation, which pairing takes
    out of the variance. With one seed, or equal differences, there is no p-value.

    Args:
        ours: Runs of the first model.
        theirs: Runs of the model it is compared with.
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
    """Correct p-values by Holm's step-down method, which controls the family-wise error rate.

    ``None`` (no test) stays ``None`` and is not counted. SciPy has only the corrections of the
    false discovery rate.

    Reference:
        Sture Holm. "A Simple Sequentially Rejective Multiple Test Procedure." Scandinavian Journal
        of Statistics 6, 1979.
    """
    order = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = list(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[index] = largest
    return corrected

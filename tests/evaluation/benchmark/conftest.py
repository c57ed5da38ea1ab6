"""Final runs of three models, and their comparison."""

from __future__ import annotations

import pytest

from recbole_llm4msr.evaluation.benchmark.execution import (
    Run,
)
from recbole_llm4msr.evaluation.benchmark.statistics import (
    ResampledUsers,
    compare,
)
from tests.evaluation.benchmark.runs import make_run, metrics


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

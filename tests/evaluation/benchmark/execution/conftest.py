"""Jobs that are recorded without training."""

from __future__ import annotations

import pytest

from recbole_llm4msr.evaluation.benchmark.execution import (
    Job,
)
from recbole_llm4msr.evaluation.benchmark.execution import runner as running
from recbole_llm4msr.evaluation.benchmark.execution.code_version import code_fingerprint
from tests.evaluation.benchmark.runs import make_run


@pytest.fixture
def executed(monkeypatch) -> list[Job]:
    """Jobs that were run; the metrics of a run depend on its learning rate alone."""
    done: list[Job] = []

    def execute(job: Job, *_):
        done.append(job)
        rate = job.settings["learning_rate"]
        metrics = {"auc": 1 - abs(rate - 0.02)}
        return make_run(
            run=job.label, model=job.model, dataset=job.dataset, seed=job.seed,
            settings=dict(job.settings), phase=job.phase, baseline=job.baseline, data=job.data,
            code=code_fingerprint(),
            valid=metrics, test=metrics,
        )  # fmt: skip

    monkeypatch.setattr(running, "execute", execute)
    return done

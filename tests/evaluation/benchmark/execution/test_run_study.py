"""Trials and final runs of a study, without training."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from recbole_llm4msr.evaluation.benchmark.execution import (
    Board,
    Job,
    JobError,
    Runner,
    count_runs,
    run_study,
)
from recbole_llm4msr.evaluation.benchmark.execution import runner as running
from recbole_llm4msr.evaluation.benchmark.plan import (
    Entry,
    Study,
)
from tests.evaluation.benchmark.runs import make_study


def test_an_entry_whose_trials_all_failed_is_left_out(monkeypatch, executed, tmp_path) -> None:
    inner = running.execute

    def fails(job: Job, *rest):
        if job.model == "STAR":
            raise JobError("no")
        return inner(job, *rest)

    monkeypatch.setattr(running, "execute", fails)
    entries = (*make_study().entries, Entry("MMoE", "MMoE"))
    space = {"learning_rate": [0.01, 0.02]}
    runner = Runner(tmp_path)
    runs = run_study(Study("toy", entries, (1,), tune=2, space=space), runner)
    assert [(run.run, run.phase) for run in runs] == [("MMoE", "final")]
    assert len(runner.failed) == 2


def test_a_valid_metric_that_trials_do_not_measure_is_an_error(executed, tmp_path) -> None:
    given = make_study(settings={"learning_rate": 0.5, "valid_metric": "AUC@Home"})
    with pytest.raises(ValueError, match="did not measure auc@Home.* only auc"):
        run_study(given, Runner(tmp_path))


def test_the_best_trial_by_validation_is_trained_with_every_seed(executed, tmp_path) -> None:
    runs = run_study(make_study(), Runner(tmp_path))
    assert [(run.run, run.seed, run.phase) for run in runs] == [
        ("STAR", 1, "final"),
        ("STAR", 2, "final"),
        ("small", 1, "final"),
        ("small", 2, "final"),
    ]
    assert {run.settings["learning_rate"] for run in runs} == {0.02}
    assert runs[2].settings["embedding_size"] == 4
    # Three trials, of which one is the final run of the first seed; `small` was not tuned itself.
    assert len(executed) == 3 + 1 + 2
    assert count_runs(make_study()) == 3 + 4


def test_trials_are_numbered_within_their_entry(executed, tmp_path) -> None:
    entries = (Entry("STAR", "STAR"), Entry("MMoE", "MMoE"))
    console = Console(file=io.StringIO(), width=200)
    run_study(make_study(entries=entries), Runner(tmp_path, listener=Board(10, console)))
    trials = [(job.label, job.name) for job in executed if job.phase == "trial"]
    assert trials == [(label, f"trial {n}") for label in ("STAR", "MMoE") for n in (1, 2, 3)]
    assert "2/10 STAR, trial 2: valid AUC" in console.file.getvalue()
    assert "MMoE, seed 2: valid AUC" in console.file.getvalue()

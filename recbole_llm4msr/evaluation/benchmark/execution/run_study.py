"""Running a study: trials of tuning first, then the final runs with every seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recbole_llm4msr.evaluation.benchmark.execution.dataset_fingerprint import dataset_fingerprint
from recbole_llm4msr.evaluation.benchmark.execution.jobs import Job
from recbole_llm4msr.evaluation.benchmark.execution.records import Run
from recbole_llm4msr.evaluation.benchmark.execution.runner import Runner
from recbole_llm4msr.evaluation.benchmark.execution.selection import best_trial
from recbole_llm4msr.evaluation.benchmark.plan import Entry, Study, grid_points
from recbole_llm4msr.evaluation.metrics import higher_is_better


def run_study(study: Study, runner: Runner) -> list[Run]:
    """Tune every entry of a study, then train it with every seed.

    All trials run with the first seed and are judged by validation alone.

    Returns:
        The final runs, entry by entry and seed by seed.
    """
    tuned = _tune(study, runner) if study.tune else {entry.label: {} for entry in study.entries}
    jobs = [
        _job(study, entry, seed, tuned[entry.tuned_as or entry.label])
        for entry in study.entries
        if (entry.tuned_as or entry.label) in tuned  # an entry that could not be tuned is left out
        for seed in study.seeds
    ]
    return runner.run(jobs)


def count_runs(study: Study) -> int:
    """Return the number of runs of a study, trials included."""
    return len(_trials(study)) + len(study.entries) * len(study.seeds)


def _trials(study: Study) -> list[Job]:
    """The trials of every entry that is tuned, all with the first seed."""
    seed = study.seeds[0]
    return [
        _job(study, entry, seed, point, number)
        for entry in study.entries
        if study.tune and entry.tuned_as is None
        for number, point in enumerate(grid_points(study.space_of(entry), study.tune, seed), 1)
    ]


def _tune(study: Study, runner: Runner) -> dict[str, dict[str, Any]]:
    """The best settings of every entry that is tuned, by its label."""
    runs = runner.run(_trials(study))
    metric = study.valid_metric
    tuned = {}
    for entry in study.entries:
        trials = [run for run in runs if run.run == entry.label]
        if trials:
            best = best_trial(trials, metric, higher_is_better(metric))
            tuned[entry.label] = {key: best.settings[key] for key in study.space_of(entry)}
    return tuned


def _job(
    study: Study, entry: Entry, seed: int, tuned: Mapping[str, Any], trial: int | None = None
) -> Job:
    settings = {**study.settings, **tuned, **entry.settings}
    return Job(
        label=entry.label,
        model=entry.model,
        dataset=study.dataset,
        seed=seed,
        settings=settings,
        baseline=entry.baseline,
        phase="final" if trial is None else "trial",
        data=dataset_fingerprint(study.dataset, settings.get("data_path")),
        trial=trial,
    )

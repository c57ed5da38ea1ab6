"""Runs the jobs of a study, some at a time, and never one that has been run before."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from recbole_llm4msr.evaluation.benchmark import tuning
from recbole_llm4msr.evaluation.benchmark.folder import fingerprint
from recbole_llm4msr.evaluation.benchmark.jobs import Job, JobError, execute, key_of
from recbole_llm4msr.evaluation.benchmark.records import Run, append_run, read_runs
from recbole_llm4msr.evaluation.benchmark.statistics import metric_bigger
from recbole_llm4msr.evaluation.benchmark.study import Entry, Study, StudyError

#: Told of every job that begins, ends or fails: the job, its run, what went wrong.
Listener = Callable[[Job, "Run | None", "JobError | None"], None]


class Runner:
    """Runs jobs in processes of their own, as many at a time as it may.

    Every finished run is a line of ``runs.jsonl`` at once. A job whose line is there is not run
    again: a benchmark that was stopped goes on where it was, and one with more seeds, models or
    trials runs what it lacks.

    Args:
        folder: Folder of the benchmark.
        jobs: Processes at a time.
        listener: Told how it goes.
    """

    def __init__(self, folder: Path, jobs: int = 1, listener: Listener | None = None) -> None:
        self.folder, self.jobs = folder, jobs
        self.threads = max(1, (os.cpu_count() or 1) // jobs)
        self.records = folder / "runs.jsonl"
        self.tell = listener or (lambda job, run, error: None)
        self.failed: list[tuple[Job, JobError]] = []
        self._processes: list[subprocess.Popen] = []
        self._runs: dict[str, Run] = {}
        self._recorded: set[tuple[str, str, str]] = set()
        for run in read_runs(self.records) if self.records.is_file() else []:
            self._know(run)

    def run(self, jobs: Sequence[Job]) -> list[Run]:
        """The runs of ``jobs``, in their order; those that failed are missing and in ``failed``.

        Raises:
            StudyError: A run that is there was made from other data.
        """
        waiting: dict[str, list[Job]] = {}
        for job in jobs:
            known = self._runs.get(job.key)
            if known and known.data and job.data and known.data != job.data:
                raise StudyError(
                    f"{self.records}: {known.run}, seed {known.seed}, was trained on other data "
                    f"called {job.dataset}; give another --output"
                )
            if known is None:
                waiting.setdefault(job.key, []).append(job)
            else:
                self._record(job, known)
                self.tell(job, known, None)
        self._work_through(list(waiting.values()))
        return [_as(job, self._runs[job.key]) for job in jobs if job.key in self._runs]

    def _work_through(self, groups: list[list[Job]]) -> None:
        """Run the first job of every group; the others are the same under another name."""
        with ThreadPoolExecutor(self.jobs) as pool:
            queue = iter(groups)
            running: dict = {}
            try:
                while True:
                    for group in queue:
                        self.tell(group[0], None, None)
                        task = pool.submit(
                            execute, group[0], self.folder, self._processes, self.threads
                        )
                        running[task] = group
                        if len(running) == self.jobs:
                            break
                    if not running:
                        return
                    for task in wait(running, return_when=FIRST_COMPLETED).done:
                        self._finish(running.pop(task), task)
            except BaseException:  # Ctrl-C among them: nothing is left running
                for process in list(self._processes):
                    process.terminate()
                raise

    def _finish(self, group: list[Job], task) -> None:
        try:
            run = task.result()
        except JobError as error:
            for job in group:
                self.failed.append((job, error))
                self.tell(job, None, error)
            return
        for job in group:
            self._record(job, run)
            self.tell(job, run, None)

    def _record(self, job: Job, run: Run) -> None:
        """Write a line for ``run`` as this job's, unless there is one."""
        run = _as(job, run)
        if (run.run, run.phase, job.key) not in self._recorded:
            append_run(self.records, run)
            self._know(run)

    def _know(self, run: Run) -> None:
        key = key_of(run.model, run.dataset, run.seed, run.settings)
        self._runs.setdefault(key, run)
        self._recorded.add((run.run, run.phase, key))


def _as(job: Job, run: Run) -> Run:
    return replace(run, run=job.label, baseline=job.baseline, phase=job.phase)


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
        if (entry.tuned_as or entry.label) in tuned  # what could not be tuned is left out
        for seed in study.seeds
    ]
    return runner.run(jobs)


def planned(study: Study) -> int:
    """How many runs a study is."""
    return len(_trials(study)) + len(study.entries) * len(study.seeds)


def _trials(study: Study) -> list[Job]:
    """The trials of every entry that is tuned, all with the first seed."""
    seed = study.seeds[0]
    return [
        _job(study, entry, seed, point, "trial")
        for entry in study.entries
        if study.tune and entry.tuned_as is None
        for point in tuning.trials(study.space_of(entry), study.tune, seed)
    ]


def _tune(study: Study, runner: Runner) -> dict[str, dict]:
    """The best settings of every entry that is tuned, by its label."""
    runs = runner.run(_trials(study))
    metric = study.valid_metric
    found = {}
    for entry in study.entries:
        own = [run for run in runs if run.run == entry.label]
        if own:
            won = tuning.best(own, metric, metric_bigger(metric))
            found[entry.label] = {key: won.settings[key] for key in study.space_of(entry)}
    return found


def _job(study: Study, entry: Entry, seed: int, tuned: dict, phase: str = "final") -> Job:
    settings = {**study.settings, **tuned, **entry.settings}
    data = fingerprint(study.dataset, settings.get("data_path"))
    return Job(entry.label, entry.model, study.dataset, seed, settings, entry.baseline, phase, data)

"""Running jobs, several processes at a time; a job whose run is recorded is not run again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from recbole_llm4msr.evaluation.benchmark.execution.code_version import code_fingerprint
from recbole_llm4msr.evaluation.benchmark.execution.execute import execute
from recbole_llm4msr.evaluation.benchmark.execution.jobs import Job, JobError, key_of
from recbole_llm4msr.evaluation.benchmark.execution.records import Run, append_run, read_runs
from recbole_llm4msr.evaluation.benchmark.plan import StudyError

#: Called when a job starts, ends or fails, with the job, its run and its error.
Listener = Callable[[Job, "Run | None", "JobError | None"], None]


class Runner:
    """Runs jobs in processes of their own.

    Every finished run is written to ``runs.jsonl`` at once. A job whose run is there is not run
    again: a benchmark that was stopped continues, and one with more seeds, models or trials runs
    only the new ones.

    Args:
        folder: Folder of the benchmark.
        jobs: Processes at a time.
        listener: Called when a job starts, ends or fails.
        reuse_other_code: Use recorded runs of another version of this package, too, instead of
            refusing them.

    Attributes:
        failed: Jobs that failed, with their errors.
        reused_other_code: Keys of the jobs whose recorded run was made with other code.
    """

    def __init__(
        self,
        folder: Path,
        jobs: int = 1,
        listener: Listener | None = None,
        reuse_other_code: bool = False,
    ) -> None:
        self.folder, self.jobs = folder, jobs
        self.threads = max(1, (os.cpu_count() or 1) // jobs)
        self.records = folder / "runs.jsonl"
        self.listener = listener or (lambda job, run, error: None)
        self.reuse_other_code = reuse_other_code
        self.failed: list[tuple[Job, JobError]] = []
        self.reused_other_code: set[str] = set()
        self._processes: list[subprocess.Popen] = []
        self._runs: dict[str, Run] = {}
        self._recorded: set[tuple[str, str, str]] = set()
        for run in read_runs(self.records) if self.records.is_file() else []:
            self._remember(run)

    def run(self, jobs: Sequence[Job]) -> list[Run]:
        """Return the runs of ``jobs``, in their order; failed ones are missing and in ``failed``.

        Raises:
            StudyError: A recorded run was made from other data, or with other code while
                ``reuse_other_code`` is not set.
        """
        self._check_recorded(jobs)
        waiting: dict[str, list[Job]] = {}
        for job in jobs:
            if job.key not in self._runs:
                waiting.setdefault(job.key, []).append(job)
            else:
                self._record(job, self._runs[job.key])
                self.listener(job, self._runs[job.key], None)
        self._run_groups(list(waiting.values()))
        return [_as(job, self._runs[job.key]) for job in jobs if job.key in self._runs]

    def _check_recorded(self, jobs: Sequence[Job]) -> None:
        """Refuse recorded runs of other data, and of other code unless that is allowed."""
        recorded = {job.key: self._runs[job.key] for job in jobs if job.key in self._runs}
        for job in jobs:
            run = recorded.get(job.key)
            if run and run.data and job.data and run.data != job.data:
                raise StudyError(
                    f"{self.records}: {run.run}, seed {run.seed}, was trained on other data "
                    f"called {job.dataset}; give another --output"
                )
        other = {key: run for key, run in recorded.items() if run.code != code_fingerprint()}
        if other and not self.reuse_other_code:
            versions = ", ".join(sorted({_code_of(run) for run in other.values()}))
            raise StudyError(
                f"{self.records}: {len(other)} of {len({job.key for job in jobs})} runs were made "
                f"with other code of recbole_llm4msr ({versions}); give --reuse-other-code to use "
                "them as they are, or another --output to train them again"
            )
        self.reused_other_code |= set(other)

    def _run_groups(self, groups: list[list[Job]]) -> None:
        """Run the first job of every group; the others have the same key, under other labels."""
        with ThreadPoolExecutor(self.jobs) as pool:
            queue = iter(groups)
            running: dict = {}
            try:
                while True:
                    for group in queue:
                        self.listener(group[0], None, None)
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
            except BaseException:  # KeyboardInterrupt, too: leave no process running
                for process in list(self._processes):
                    process.terminate()
                raise

    def _finish(self, group: list[Job], task) -> None:
        try:
            run = task.result()
        except JobError as error:
            for job in group:
                self.failed.append((job, error))
                self.listener(job, None, error)
            return
        for job in group:
            self._record(job, run)
            self.listener(job, run, None)

    def _record(self, job: Job, run: Run) -> None:
        """Write ``run`` under this job's label and phase, unless it is recorded so."""
        run = _as(job, run)
        if (run.run, run.phase, job.key) not in self._recorded:
            append_run(self.records, run)
            self._remember(run)

    def _remember(self, run: Run) -> None:
        key = key_of(run.model, run.dataset, run.seed, run.settings)
        self._runs.setdefault(key, run)
        self._recorded.add((run.run, run.phase, key))


def _as(job: Job, run: Run) -> Run:
    return replace(run, run=job.label, baseline=job.baseline, phase=job.phase)


def _code_of(run: Run) -> str:
    """The version and commit of the package that made a run, as text."""
    version = f"version {run.versions.get('recbole_llm4msr') or 'unknown'}"
    return f"{version}, commit {run.git_commit}" if run.git_commit else version

"""Running a study: jobs in processes, finished runs in ``runs.jsonl``, trials and their choice."""

from recbole_llm4msr.evaluation.benchmark.execution.jobs import Job, JobError
from recbole_llm4msr.evaluation.benchmark.execution.lock import lock_folder
from recbole_llm4msr.evaluation.benchmark.execution.progress import Board
from recbole_llm4msr.evaluation.benchmark.execution.records import (
    RecordError,
    Run,
    append_run,
    read_runs,
)
from recbole_llm4msr.evaluation.benchmark.execution.run_study import count_runs, run_study
from recbole_llm4msr.evaluation.benchmark.execution.runner import Runner
from recbole_llm4msr.evaluation.benchmark.execution.search import (
    SeededTuning,
    default_params_file,
)

__all__ = [
    "Board",
    "Job",
    "JobError",
    "RecordError",
    "Run",
    "Runner",
    "SeededTuning",
    "append_run",
    "count_runs",
    "default_params_file",
    "lock_folder",
    "read_runs",
    "run_study",
]

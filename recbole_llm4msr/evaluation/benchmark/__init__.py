"""Comparison of models: plan of a study, execution, statistics and report."""

from recbole_llm4msr.evaluation.benchmark.execution import (
    Board,
    Run,
    Runner,
    SeededTuning,
    count_runs,
    default_params_file,
    lock_folder,
    read_runs,
    run_study,
)
from recbole_llm4msr.evaluation.benchmark.plan import (
    Study,
    StudyError,
    read_mapping,
    read_study,
    study_from_options,
)
from recbole_llm4msr.evaluation.benchmark.report import (
    best_command,
    summary_tables,
    trials_table,
    write_report,
)
from recbole_llm4msr.evaluation.benchmark.statistics import by_label

__all__ = [
    "Board",
    "Run",
    "Runner",
    "SeededTuning",
    "Study",
    "StudyError",
    "best_command",
    "by_label",
    "count_runs",
    "default_params_file",
    "lock_folder",
    "read_mapping",
    "read_runs",
    "read_study",
    "run_study",
    "study_from_options",
    "summary_tables",
    "trials_table",
    "write_report",
]

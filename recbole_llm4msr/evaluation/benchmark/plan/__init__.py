"""Studies: which models are compared, with which settings and seeds, and what is tuned."""

from recbole_llm4msr.evaluation.benchmark.plan.checks import (
    StudyError,
    check_settings,
    valid_metric,
)
from recbole_llm4msr.evaluation.benchmark.plan.grid import grid_points
from recbole_llm4msr.evaluation.benchmark.plan.options import study_from_options
from recbole_llm4msr.evaluation.benchmark.plan.study import (
    Entry,
    Study,
    from_models,
    with_baseline,
)
from recbole_llm4msr.evaluation.benchmark.plan.study_file import read_mapping, read_study

__all__ = [
    "Entry",
    "Study",
    "StudyError",
    "check_settings",
    "from_models",
    "grid_points",
    "read_mapping",
    "read_study",
    "study_from_options",
    "valid_metric",
    "with_baseline",
]

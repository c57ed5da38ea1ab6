"""Statistics of runs: means and deviations, paired t-test, Holm's correction, user bootstrap."""

from recbole_llm4msr.evaluation.benchmark.statistics.activity import group_by_activity
from recbole_llm4msr.evaluation.benchmark.statistics.bootstrap import ResampledUsers
from recbole_llm4msr.evaluation.benchmark.statistics.comparison import (
    ALL,
    Cell,
    Comparison,
    Row,
    by_label,
    compare,
    metrics_of,
    scenarios_of,
)
from recbole_llm4msr.evaluation.benchmark.statistics.significance import (
    Difference,
    holm,
    paired_difference,
)

__all__ = [
    "ALL",
    "Cell",
    "Comparison",
    "Difference",
    "ResampledUsers",
    "Row",
    "by_label",
    "compare",
    "group_by_activity",
    "holm",
    "metrics_of",
    "paired_difference",
    "scenarios_of",
]

"""Report of a study: tables, plots and what the commands print."""

from recbole_llm4msr.evaluation.benchmark.report.files import write_report
from recbole_llm4msr.evaluation.benchmark.report.terminal import (
    best_command,
    summary_tables,
    trials_table,
)

__all__ = ["best_command", "summary_tables", "trials_table", "write_report"]

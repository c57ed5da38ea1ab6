"""Write atomic files, progress bars and the final report."""

from dataset_converters.writing.dataset_writer import REJECTED, DatasetWriter
from dataset_converters.writing.layout import (
    check_not_empty,
    dataset_settings,
    with_whole_seconds,
    write_inter,
    write_scenarios,
)
from dataset_converters.writing.progress import Reporter
from dataset_converters.writing.report import Report

__all__ = [
    "REJECTED",
    "DatasetWriter",
    "Report",
    "Reporter",
    "check_not_empty",
    "dataset_settings",
    "with_whole_seconds",
    "write_inter",
    "write_scenarios",
]

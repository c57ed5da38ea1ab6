"""Choose rows: k-core, sampled users, repeats, ranges of time, sampled negatives."""

from dataset_converters.selection.filters import k_core, latest_of_repeats, sample_users
from dataset_converters.selection.negatives import add_negatives
from dataset_converters.selection.times import TimeRange, parse_time

__all__ = [
    "TimeRange",
    "add_negatives",
    "k_core",
    "latest_of_repeats",
    "parse_time",
    "sample_users",
]

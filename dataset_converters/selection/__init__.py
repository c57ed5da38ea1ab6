"""Choose rows: k-core, sampled users, ranges of time, sampled negatives."""

from dataset_converters.selection.filters import k_core, sample_users
from dataset_converters.selection.negatives import add_negatives
from dataset_converters.selection.times import TimeRange, parse_time

__all__ = ["TimeRange", "add_negatives", "k_core", "parse_time", "sample_users"]

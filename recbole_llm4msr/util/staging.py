"""Temporary names, folders that replace others, removal of what killed runs left.

The converters write the same way; see :mod:`dataset_converters.staging`.
"""

from dataset_converters.staging import (
    has_ended,
    interrupted_replacements,
    remove_abandoned,
    replace_folder,
    staging_path,
    this_process,
)

__all__ = [
    "has_ended",
    "interrupted_replacements",
    "remove_abandoned",
    "replace_folder",
    "staging_path",
    "this_process",
]

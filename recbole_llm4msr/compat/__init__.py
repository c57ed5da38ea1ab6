"""Patches that let RecBole 1.2.1 run on current libraries and find the models of this package.

This is the only package that changes anything in RecBole. The docstring of every patch says what it
changes, why, and when it does nothing.
"""

from recbole_llm4msr.compat.checkpoint import allow_classes
from recbole_llm4msr.compat.checkpoint_file import CheckpointError, load_checkpoint
from recbole_llm4msr.compat.config_copy import copy_config
from recbole_llm4msr.compat.exhaustive import draw_from_generator
from recbole_llm4msr.compat.hidden_warnings import hide_dataset_warnings
from recbole_llm4msr.compat.interaction_rows import take_rows_by_tensor
from recbole_llm4msr.compat.log_file import init_logger
from recbole_llm4msr.compat.numpy_names import restore_numpy_names
from recbole_llm4msr.compat.ray_on_demand import import_quick_start_without_ray, report_to_ray
from recbole_llm4msr.compat.recbole_lookup import (
    add_companions_to_recbole,
    add_model_to_recbole,
    replace_quick_start_names,
)
from recbole_llm4msr.compat.row_range import keep_row_range
from recbole_llm4msr.compat.scaler import use_current_grad_scaler

__all__ = [
    "CheckpointError",
    "add_companions_to_recbole",
    "add_model_to_recbole",
    "allow_classes",
    "apply",
    "copy_config",
    "init_logger",
    "load_checkpoint",
    "replace_quick_start_names",
    "report_to_ray",
]


def apply() -> None:
    """Apply all patches. Safe to call again."""
    restore_numpy_names()
    import_quick_start_without_ray()
    draw_from_generator()
    allow_classes()
    keep_row_range()
    take_rows_by_tensor()
    hide_dataset_warnings()
    use_current_grad_scaler()

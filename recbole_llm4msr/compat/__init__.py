"""What RecBole 1.2.1 needs to run on today's stack, and how it gets to know our models.

This is the only package that changes anything in RecBole. Every change says what, against which
version, and why; each looks first and leaves alone what is not broken.
"""

from recbole_llm4msr.compat.checkpoint import CheckpointError, allow_classes, load_checkpoint
from recbole_llm4msr.compat.config_copy import copy_config
from recbole_llm4msr.compat.exhaustive import draw_from_generators
from recbole_llm4msr.compat.lean_index import keep_ranges
from recbole_llm4msr.compat.numpy_names import restore_numpy_names
from recbole_llm4msr.compat.publish import (
    publish_companions,
    publish_model,
    publish_quick_start,
)
from recbole_llm4msr.compat.quick_rows import take_rows_by_tensor
from recbole_llm4msr.compat.quiet import hide_warnings_about_recboles_data
from recbole_llm4msr.compat.ray_on_demand import import_quick_start_without_ray, report_to_ray
from recbole_llm4msr.compat.scaler import name_scaler_as_today

__all__ = [
    "CheckpointError",
    "allow_classes",
    "apply",
    "copy_config",
    "load_checkpoint",
    "publish_companions",
    "publish_model",
    "publish_quick_start",
    "report_to_ray",
]


def apply() -> None:
    """Make RecBole importable and runnable. Safe to call again."""
    restore_numpy_names()
    import_quick_start_without_ray()
    draw_from_generators()
    allow_classes()
    keep_ranges()
    take_rows_by_tensor()
    hide_warnings_about_recboles_data()
    name_scaler_as_today()

"""A copy of a RecBole configuration with other values.

What:     ``copy.copy`` of a ``Config`` goes through its pickled form, which holds no model class.
Why:      a configuration that two parts of a run share must not be changed by one of them.
When not: the copied configuration and all other settings stay as they are.
"""

from __future__ import annotations

from typing import Any

from recbole.config import Config


def copy_config(config: Config, **settings: Any) -> Config:
    """Copy a configuration, with other values for the given keys; values are shared, not copied."""
    twin = type(config).__new__(type(config))
    vars(twin).update(vars(config))
    twin.final_config_dict = {**config.final_config_dict, **settings}
    return twin

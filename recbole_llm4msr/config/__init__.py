"""Configuration: RecBole's, with this package's properties and with unknown keys refused.

What reads the command line alone (``command_line``, ``early``) needs no RecBole, so that
:class:`Config` is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from recbole_llm4msr.config.known_keys import known_keys, properties_folder

if TYPE_CHECKING:
    from recbole_llm4msr.config.config import LAUNCH_KEYS, Config, ConfigError

__all__ = ["LAUNCH_KEYS", "Config", "ConfigError", "known_keys", "properties_folder"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.config"), name)

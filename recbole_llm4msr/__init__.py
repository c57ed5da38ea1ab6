"""Multi-scenario recommendation with the knowledge of a large language model, in RecBole.

Importing this package lets RecBole 1.2.1 run on current libraries and registers the models with
RecBole: ``recbole.utils.get_model("LLM4MSR_STAR")`` and ``recbole.quick_start`` find them. RecBole
and torch themselves are imported when the first of them, or of the names below, is asked for.
:mod:`recbole_llm4msr.serving`, which uses exported models, needs neither.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from recbole_llm4msr.pipeline import activation
from recbole_llm4msr.util.requirement import installed_version

if TYPE_CHECKING:
    from recbole_llm4msr.compat import CheckpointError
    from recbole_llm4msr.config import Config, ConfigError
    from recbole_llm4msr.data import MultiScenarioDataset, create_dataset
    from recbole_llm4msr.model import (
        LLM4MSR,
        MultiScenarioRecommender,
        get_model,
        register_backbone,
    )
    from recbole_llm4msr.pipeline.preparation import data_preparation
    from recbole_llm4msr.quick_start import load_data_and_model, objective_function, run
    from recbole_llm4msr.training.trainer import get_trainer

__all__ = [
    "LLM4MSR",
    "CheckpointError",
    "Config",
    "ConfigError",
    "MultiScenarioDataset",
    "MultiScenarioRecommender",
    "create_dataset",
    "data_preparation",
    "get_model",
    "get_trainer",
    "load_data_and_model",
    "objective_function",
    "register_backbone",
    "run",
]

#: The module of each public name.
_MODULES = {
    "LLM4MSR": "model",
    "CheckpointError": "compat",
    "Config": "config",
    "ConfigError": "config",
    "MultiScenarioDataset": "data",
    "MultiScenarioRecommender": "model",
    "create_dataset": "data",
    "data_preparation": "pipeline.preparation",
    "get_model": "model",
    "get_trainer": "training.trainer",
    "load_data_and_model": "quick_start",
    "objective_function": "quick_start",
    "register_backbone": "model",
    "run": "quick_start",
}

activation.watch()


def __getattr__(name: str) -> Any:
    if name == "__version__":  # when it is asked for: reading it takes longer than the rest
        return installed_version("recbole_llm4msr") or "(not installed)"
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    activation.activate()
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Register our models, data set and trainer with RecBole's own entry points."""

from __future__ import annotations

from typing import Any

import recbole.config
import recbole.data
import recbole.quick_start

from recbole_llm4msr import compat
from recbole_llm4msr.config import Config
from recbole_llm4msr.data import MultiScenarioDataset, create_dataset
from recbole_llm4msr.model import registered_models
from recbole_llm4msr.model.registry import on_register
from recbole_llm4msr.pipeline.experiment import run_experiment_process
from recbole_llm4msr.pipeline.preparation import data_preparation
from recbole_llm4msr.training.trainer import MultiScenarioTrainer

#: RecBole's own objective of tuning; it looks up the names that are replaced here.
_RECBOLES_OBJECTIVE = recbole.quick_start.objective_function


def register_with_recbole() -> None:
    """Register our models, their data sets and trainers with RecBole. Safe to call again."""
    compat.allow_classes(Config)
    models = registered_models()
    on_register(
        lambda m: compat.add_companions_to_recbole(m, MultiScenarioDataset, MultiScenarioTrainer)
    )
    plain = recbole.config.Config

    def config_of(model: Any = None, dataset: Any = None, *args: Any, **kwargs: Any):
        """Our Config for a model of ours, RecBole's for one of RecBole's."""
        parsed = plain(model, dataset, *args, **kwargs) if model is None else None
        name = parsed.model if parsed is not None else getattr(model, "__name__", model)
        if name in models or name in registered_models():
            return Config(model, dataset, *args, **kwargs)
        return parsed or plain(model, dataset, *args, **kwargs)

    def prepare(config: Any, dataset: Any):
        """Our loaders for our Config, RecBole's for RecBole's."""
        own = isinstance(config, Config)
        return (data_preparation if own else recbole.data.data_preparation)(config, dataset)

    compat.replace_quick_start_names(
        config_of, create_dataset, prepare, run_experiment_process, recboles_objective
    )


def recboles_objective(
    config_dict: dict[str, Any] | None = None,
    config_file_list: list[str] | None = None,
    saved: bool = True,
) -> dict[str, Any]:
    """RecBole's objective of tuning; a worker that imports it here knows our models."""
    return _RECBOLES_OBJECTIVE(config_dict, config_file_list, saved)

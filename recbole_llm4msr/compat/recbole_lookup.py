"""Put models, data sets and trainers of this package where RecBole 1.2.1 looks them up by name.

RecBole finds things by name: a model ``X`` in the module ``recbole.model.<family>.x``, its data
set as ``recbole.data.dataset.XDataset``, its trainer as ``recbole.trainer.XTrainer``. With the
names added there, ``get_model``, ``create_dataset`` and ``get_trainer`` work
unchanged, wherever they have been imported.

Some names in RecBole's quick start are replaced, because there RecBole offers no name to be found
by: ``Config``, ``create_dataset`` and ``data_preparation``. The replacements look at the model, or
at whose configuration it is, and hand RecBole's own to RecBole's own code. ``run_recboles`` and
``objective_function`` are replaced for spawned workers and those of Ray, which have to import this
package before they can know its models.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec

import recbole.data.dataset
import recbole.trainer

_FAMILY = "recbole.model.context_aware_recommender"


def add_model_to_recbole(model: type) -> None:
    """Put a model where ``recbole.utils.get_model`` looks for it.

    Raises:
        ValueError: RecBole, or a model added before, has that name (case aside).
    """
    name = f"{_FAMILY}.{model.__name__.lower()}"
    if importlib.util.find_spec(name) is not None:
        raise ValueError(f"{model.__name__}: RecBole already has a model file {name}")
    module = importlib.util.module_from_spec(ModuleSpec(name, loader=None))
    setattr(module, model.__name__, model)
    sys.modules[name] = module


def add_companions_to_recbole(model: type, dataset: type, trainer: type) -> None:
    """Put a model's data set and trainer classes where RecBole looks for them."""
    setattr(recbole.data.dataset, f"{model.__name__}Dataset", dataset)
    setattr(recbole.trainer, f"{model.__name__}Trainer", trainer)


def replace_quick_start_names(
    config: Callable,
    create_dataset: Callable,
    data_preparation: Callable,
    worker: Callable,
    objective: Callable,
) -> None:
    """Replace the names in RecBole's quick start.

    Args:
        config: Called as ``Config(model, dataset, config_file_list, config_dict)``.
        create_dataset: Called as ``create_dataset(config)``.
        data_preparation: Called as ``data_preparation(config, dataset)``.
        worker: Called in a spawned process as ``run_recboles(rank, *args)``.
        objective: Called as ``objective_function(config_dict, config_file_list, saved)``.
    """
    package = importlib.import_module("recbole.quick_start")
    quick_start = importlib.import_module("recbole.quick_start.quick_start")
    quick_start.Config = config
    quick_start.create_dataset = create_dataset
    quick_start.data_preparation = data_preparation
    quick_start.run_recboles = worker
    quick_start.objective_function = package.objective_function = objective

"""Construction of data set, loaders, model and trainer, by this package or by RecBole alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from recbole_llm4msr import (  # before RecBole: it makes RecBole run on this numpy
    Config,
    create_dataset,
    data_preparation,
    get_model,
    get_trainer,
)

# isort: split
import recbole.config
import recbole.data
import recbole.utils
from recbole.data.dataloader import abstract_dataloader
from recbole.data.interaction import Interaction

from recbole_llm4msr.compat.interaction_rows import RECBOLE_GETITEM
from speed.clock import Clock

#: Settings of every run: the sizes that both sides share, and no output.
COMMON = {
    "embedding_size": 16,
    "train_batch_size": 4096,
    "eval_batch_size": 16384,
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
}


@dataclass
class Run:
    """Objects of a training run.

    Attributes:
        config: Configuration.
        dataset: Data set as loaded.
        loaders: Loaders of training, validation and test rows.
        model: Model.
        trainer: Trainer of the model.
    """

    config: Any
    dataset: Any
    loaders: tuple
    model: torch.nn.Module
    trainer: Any


def config_of(ours: bool, model: str, data_path: str, dataset: str, settings: dict) -> Any:
    """Make the configuration of a side; RecBole's is given the yaml of the data set."""
    settings = {**COMMON, "data_path": data_path, **settings}
    if ours:
        return Config(model, dataset, config_dict=settings)
    _restore_recbole()
    own = Path(data_path) / dataset / f"{dataset}.yaml"
    settings = yaml.safe_load(own.read_text(encoding="utf-8")) | settings
    return recbole.config.Config(model, dataset, config_dict=settings)


def dataset_of(config: Any) -> Any:
    """Make the data set of a configuration with the functions of its side."""
    return (create_dataset if isinstance(config, Config) else recbole.data.create_dataset)(config)


def loaders_of(config: Any, dataset: Any) -> tuple:
    """Make the three loaders with the functions of the configuration's side."""
    ours = isinstance(config, Config)
    return (data_preparation if ours else recbole.data.data_preparation)(config, dataset)


def model_of(config: Any, train_dataset: Any) -> tuple[torch.nn.Module, Any]:
    """Make a model and its trainer with the functions of the configuration's side."""
    ours = isinstance(config, Config)
    torch.manual_seed(config["seed"])
    name = config["model"]
    made = (get_model if ours else recbole.utils.get_model)(name)(config, train_dataset)
    made = made.to(config["device"])
    find = get_trainer if ours else recbole.utils.get_trainer
    return made, find(config["MODEL_TYPE"], name)(config, made)


def build(
    ours: bool,
    model: str,
    data_path: str,
    dataset: str,
    settings: dict[str, Any],
    clock: Clock | None = None,
) -> Run:
    """Make everything up to the first training step.

    Args:
        ours: Whether to use this package, with its loader, optimiser and trainer, or RecBole
            alone.
        model: Name of the model; RecBole's models run on both sides.
        data_path: Folder of data sets.
        dataset: Name of the data set.
        settings: Further settings.
        clock: Clock that times the phases ``data``, ``loaders`` and ``model``.
    """
    clock = Clock() if clock is None else clock
    config = config_of(ours, model, data_path, dataset, settings)
    with clock("data"):
        made = dataset_of(config)
    with clock("loaders"):
        loaders = loaders_of(config, made)
    with clock("model"):
        network, trainer = model_of(config, loaders[0].dataset)
    return Run(config, made, loaders, network, trainer)


def _restore_recbole() -> None:
    """Undo the changes that this package makes to RecBole's speed; see ``compat``."""
    vars(abstract_dataloader).pop("list", None)
    Interaction.__getitem__ = RECBOLE_GETITEM

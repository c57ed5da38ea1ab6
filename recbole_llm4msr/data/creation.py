"""From a configuration to a data set."""

from __future__ import annotations

from logging import getLogger
from pathlib import Path

import recbole.data
import recbole.data.dataset
from recbole.data.dataset import Dataset
from recbole.utils import ModelType

from recbole_llm4msr.config.names import missing_dataset
from recbole_llm4msr.data.dataset import MultiScenarioDataset


def create_dataset(config) -> Dataset:
    """The data set of a configuration: ours for context-aware models, else RecBole's.

    Raises:
        FileNotFoundError: There is no such data set; the message names those there are.
    """
    if not _is_read_here(config):
        return recbole.data.create_dataset(config)
    if config.multi_scenario:
        ensure_dataset(config)
    if config["dataset_save_path"]:
        getLogger().warning(
            "dataset_save_path: a saved data set with scenarios is not read again; dataset_cache "
            "keeps what has been read"
        )
    # Fields that knowledge has added to a run before (a checkpoint's) are in none of the files.
    added = config["KNOWLEDGE_FIELDS"] or ()
    config["numerical_features"] = [f for f in config["numerical_features"] if f not in added]
    dataset = MultiScenarioDataset(config)
    if config["save_dataset"]:
        dataset.save()
    return dataset


def _is_read_here(config) -> bool:
    """Whether a data set of this package serves the model: RecBole's would be its plain one."""
    if not hasattr(config, "multi_scenario"):  # RecBole's own configuration
        return False
    own = hasattr(recbole.data.dataset, f"{config['model']}Dataset") and not config.multi_scenario
    plain = config["MODEL_TYPE"] in (ModelType.CONTEXT, ModelType.GENERAL)
    return config.multi_scenario or (plain and not own and not config["dataset_save_path"])


def ensure_dataset(config) -> bool:
    """Download and convert a data set that is not there but known, or say what is there.

    Returns:
        Whether the data set was made just now. It has brought a ``<name>.yaml`` then, which a
        configuration made before has not read.

    Raises:
        FileNotFoundError: It is not there and not known.
        OSError: It is known, but could not be had; the message says how to go on by hand.
    """
    folder = Path(config["data_path"])
    if folder.is_dir():
        return False
    if config["download"]:
        from dataset_converters.download import prepare

        prepare(config["dataset"], config["download"], folder)
        return True
    raise missing_dataset(config["dataset"], folder)

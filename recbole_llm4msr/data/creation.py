"""From a configuration to a data set."""

from __future__ import annotations

from logging import getLogger
from pathlib import Path

import recbole.data
from recbole.data.dataset import Dataset

from recbole_llm4msr.compat import copy_config
from recbole_llm4msr.config.names import missing_dataset
from recbole_llm4msr.data.dataset import MultiScenarioDataset


def create_dataset(config) -> Dataset:
    """The data set of a configuration: ours for context-aware models, else RecBole's.

    Raises:
        FileNotFoundError: There is no such data set; the message names those there are.
    """
    if not getattr(config, "multi_scenario", False):  # RecBole's own configuration has none
        return recbole.data.create_dataset(config)
    ensure_dataset(config)
    if config["dataset_save_path"]:
        getLogger().warning(
            "dataset_save_path: a saved data set with scenarios is not read again; dataset_cache "
            "keeps what has been read"
        )
    added = config.knowledge_fields
    if added:  # to the splits, later; no file has them
        read = [field for field in config["numerical_features"] if field not in added]
        config = copy_config(config, numerical_features=read)
    dataset = MultiScenarioDataset(config)
    if config["save_dataset"]:
        dataset.save()
    return dataset


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

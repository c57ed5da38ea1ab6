"""Create the data set of a configuration; download and convert it where it is missing."""

from __future__ import annotations

from logging import getLogger
from pathlib import Path

import recbole.data
import recbole.data.dataset
from recbole.data.dataset import Dataset
from recbole.utils import ModelType

from recbole_llm4msr.compat import copy_config
from recbole_llm4msr.data.dataset import MultiScenarioDataset
from recbole_llm4msr.util.missing_dataset import missing_dataset


def create_dataset(config) -> Dataset:
    """Create the data set of a configuration: ours where RecBole has its plain one, else RecBole's.

    Raises:
        FileNotFoundError: There is no such data set; the message names the existing ones.
    """
    if not _is_read_here(config):
        return recbole.data.create_dataset(config)
    if config.multi_scenario:
        ensure_dataset(config)
    if config["dataset_save_path"]:
        getLogger().warning(
            "dataset_save_path: a saved data set with scenarios is not read again; dataset_cache "
            "caches what has been read"
        )
    added = config.knowledge_fields
    if added:  # to the splits, later; no file has them
        read = [field for field in config["numerical_features"] if field not in added]
        config = copy_config(config, numerical_features=read)
    dataset = MultiScenarioDataset(config)
    if config["save_dataset"]:
        dataset.save()
    return dataset


def _is_read_here(config) -> bool:
    """Whether a data set of this package serves the model: RecBole's would be its plain one."""
    if not hasattr(config, "multi_scenario"):  # RecBole's own configuration
        return False
    own = hasattr(recbole.data.dataset, f"{config['model']}Dataset") and not config.multi_scenario
    plain = config["MODEL_TYPE"] in (ModelType.CONTEXT, ModelType.GENERAL, ModelType.TRADITIONAL)
    return config.multi_scenario or (plain and not own and not config["dataset_save_path"])


def ensure_dataset(config) -> bool:
    """Download and convert a data set whose folder is missing, if its yaml says how.

    Returns:
        Whether the data set was made by this call. Its folder then has a ``<name>.yaml``, which an
        earlier configuration has not read.

    Raises:
        FileNotFoundError: It is missing and cannot be downloaded.
        OSError: The download failed; the message says how to continue by hand.
    """
    folder = Path(config["data_path"])
    if folder.is_dir():
        return False
    if config["download"]:
        from dataset_converters.download import prepare_dataset

        prepare_dataset(config["dataset"], config["download"], folder)
        return True
    raise missing_dataset(config["dataset"], folder)

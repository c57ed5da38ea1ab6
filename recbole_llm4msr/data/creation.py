"""From a configuration to a data set."""

from __future__ import annotations

from pathlib import Path

import recbole.data
from recbole.data.dataset import Dataset

from recbole_llm4msr.data.dataset import MultiScenarioDataset


def create_dataset(config) -> Dataset:
    """The data set of a configuration: ours for context-aware models, else RecBole's.

    Raises:
        FileNotFoundError: There is no such data set; the message names those there are.
    """
    if not config.multi_scenario:
        return recbole.data.create_dataset(config)
    _require_folder(config)
    dataset = MultiScenarioDataset(config)
    if config["save_dataset"]:
        dataset.save()
    return dataset


def _require_folder(config) -> None:
    """Download and convert a data set that is not there but known, or say what is there."""
    folder = Path(config["data_path"])
    if folder.is_dir():
        return
    if config["download"]:
        from dataset_converters.download import prepare

        prepare(config["dataset"], config["download"], folder)
        return
    parent = folder.parent
    there = sorted(p.name for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else []
    raise FileNotFoundError(
        f"dataset: there is no data set {config['dataset']!r} in {parent.resolve()}"
        + (f"; it has {', '.join(there)}" if there else "")
        + ". Set --data_path to the folder that holds the data set's folder, or convert raw files "
        "with `python -m dataset_converters --help`."
    )

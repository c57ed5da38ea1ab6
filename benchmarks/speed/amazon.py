"""Preparation of the figures on amazon-bst: a copy of the data set, and its knowledge."""

from __future__ import annotations

from typing import Any

from speed.figure import Settings

DATASET = "amazon-bst"


def prepare(settings: Settings) -> dict[str, Any]:
    """Copy the data set, write its cache, and build the knowledge that is read later.

    Returns:
        ``backbones``: the names of all registered backbones.

    Raises:
        FileNotFoundError: ``--data`` is missing or holds no such data set.
    """
    from speed.data import copy_dataset

    copy_dataset(settings.data, settings.data_path, DATASET)
    from recbole_llm4msr.model import registered_models
    from speed.build import config_of, dataset_of, loaders_of

    knowledge = {"knowledge": "random", "knowledge_path": settings.knowledge_path}
    config = config_of(True, "LLM4MSR_STAR", settings.data_path, DATASET, knowledge)
    loaders_of(config, dataset_of(config))
    plain = [name for name in registered_models() if not name.startswith("LLM4MSR_")]
    return {"backbones": plain}

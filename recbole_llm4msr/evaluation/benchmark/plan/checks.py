"""Checks of the settings and search spaces of a study, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from recbole_llm4msr.config.known_keys import keys_of, known_keys, unknown_keys
from recbole_llm4msr.config.refused_settings import keys_of_foreign_backbone
from recbole_llm4msr.evaluation.metrics import metric_key
from recbole_llm4msr.model import get_model

#: Settings that the benchmark sets for every run, with the way to choose them instead.
_SET_BY_BENCHMARK = {
    "seed": "give `seeds` (--seeds, or --seed of `tune`)",
    "model": "give `runs` (--models)",
    "dataset": "it is that of the study",
    "checkpoint_dir": "checkpoints are not kept",
    "resume": "a stopped study goes on where it was",
    "result_json": "results are in runs.jsonl",
    "save_predictions": "they are in the folder of the benchmark",
    "compare": "a study compares its `runs` (--models)",
    "config_files": "write what the files hold, or name them on the command line",
    **dict.fromkeys(
        ("nproc", "world_size", "ip", "port", "group_offset", "oversubscribe"),
        "a run is one process; see --jobs",
    ),
}


class StudyError(ValueError):
    """A study, a setting or a search space is not valid, or its runs must not be used."""


def keys_for(model: str) -> frozenset[str]:
    """The keys that a model reads, those of the file of another package's backbone among them."""
    return keys_of(model) | keys_of_foreign_backbone(get_model(model), yaml.SafeLoader)


def check_settings(
    settings: Mapping[str, Any], model: str | None = None, models: Iterable[str] = ()
) -> None:
    """Refuse settings that a run does not read, or that the benchmark sets itself.

    Args:
        settings: Settings by key.
        model: Name of the model; ``None`` accepts the keys of every model.
        models: Models of a study, whose keys are accepted too.

    Raises:
        StudyError: There is such a key; the message has the remedy.
    """
    if not isinstance(settings, Mapping):
        raise StudyError(f"settings: expected `key: value`, got {settings!r}")
    for key in settings:
        if key in _SET_BY_BENCHMARK:
            raise StudyError(f"{key!r} is not set here: {_SET_BY_BENCHMARK[key]}")
    if settings.get("allow_unknown_keys"):
        return
    backbones = filter(None, {*models, model})
    check_keys(settings, known_keys().union(*map(keys_for, backbones)))
    for key in unknown_keys(settings, keys_for(model)) if model else ():
        raise StudyError(f"{key!r} is not an option of {model}")


def check_space(
    space: Mapping[str, list], model: str | None = None, models: Iterable[str] = ()
) -> None:
    """Refuse a search space with unknown keys, or without a list of values for each key.

    Raises:
        StudyError: There is such a key; the message names it.
    """
    if not isinstance(space, Mapping):
        raise StudyError(f"space: expected lists of values by key, got {space!r}")
    check_settings(space, model, models)
    for key, values in space.items():
        if not isinstance(values, list | tuple) or not values:
            raise StudyError(f"space: {key}: expected a list of values, got {values!r}")


def check_keys(keys: Iterable[str], known: set[str] | frozenset[str]) -> None:
    """Refuse the first unknown key, with the most similar known one.

    Raises:
        StudyError: There is an unknown key.
    """
    for key, near in unknown_keys(keys, known).items():
        raise StudyError(f"unknown key {key!r}" + (f": did you mean {near}?" if near else ""))


def valid_metric(settings: Mapping[str, Any]) -> str:
    """Key of the metric by which runs with these settings are judged; ``auc`` by default."""
    return metric_key(str(settings.get("valid_metric", "auc")))

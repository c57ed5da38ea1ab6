"""Refuse written settings that nothing reads, or whose values are wrong by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from logging import getLogger
from pathlib import Path
from typing import Any

from recbole.utils import ModelType

from recbole_llm4msr.config.checks import ConfigError
from recbole_llm4msr.config.command_line import convert_option
from recbole_llm4msr.config.known_keys import (
    keys_of,
    known_keys,
    unknown_keys,
    unknown_keys_message,
)
from recbole_llm4msr.config.reading import read_yaml
from recbole_llm4msr.config.value_checks import value_error
from recbole_llm4msr.config.value_types import options_of
from recbole_llm4msr.model import backbone_of


def keys_of_foreign_backbone(model_class: type, loader: type) -> frozenset[str]:
    """Keys of the yaml file of a backbone of another package; none for any other model."""
    backbone = backbone_of(model_class)
    if backbone is None or backbone.config_file is None:
        return frozenset()
    return frozenset(read_yaml(Path(backbone.config_file), loader))


def refuse_unknown_keys(config: Any, model_class: type) -> None:
    """Refuse keys that are not known, and warn of options of other models.

    Args:
        config: Configuration, of which the external part has been read.
        model_class: Class of the model.

    Raises:
        ConfigError: There are unknown keys; the message has the place and the nearest key of each.
    """
    sources = config.written
    foreign = keys_of_foreign_backbone(model_class, config.yaml_loader)
    unknown = unknown_keys(sources, known_keys() | foreign)
    on_command_line = {key for key, of in sources.items() if of == "command line"}
    unread = on_command_line - keys_of(config.model) - foreign - set(unknown)
    if model_class.type == ModelType.CONTEXT and unread:
        getLogger().warning("%s is not an option of %s", ", ".join(sorted(unread)), config.model)
    if not unknown or config.external_config_dict.get("allow_unknown_keys"):
        return
    raise ConfigError(unknown_keys_message(unknown, sources))


def refuse_wrong_values(config: Any, files: Iterable[Path]) -> None:
    """Refuse the first written setting whose type, bounds or inner keys are wrong.

    Args:
        config: Configuration, of which all files have been read.
        files: The yaml files that the model reads, which know the types of their keys.

    Raises:
        ConfigError: There is one; the message has its place and the nearest right form.
    """
    options = options_of(files)
    values = {**config.internal_config_dict, **config.external_config_dict}
    suffixes = values.get("additional_feat_suffix") or ()
    suffixes = [suffixes] if isinstance(suffixes, str) else suffixes
    for key, place in config.written.items():
        value = convert_option(key, values.get(key))
        error = value_error(key, value, place, options.get(key), suffixes)
        if error:
            raise ConfigError(error)

"""Check the arguments of a command before RecBole and torch are imported.

An error here is one that :class:`~recbole_llm4msr.config.Config` would raise too, with the same
message. Checks that need more than names, the schema and comments of yaml files are left to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from recbole_llm4msr.config import names
from recbole_llm4msr.config.command_line import convert, convert_option
from recbole_llm4msr.config.compared import compared_names
from recbole_llm4msr.config.known_keys import (
    known_keys,
    properties_folder,
    recboles_files,
    unknown_keys,
    unknown_keys_message,
)
from recbole_llm4msr.config.schema.mappings import BY_SUFFIX
from recbole_llm4msr.config.value_checks import value_error
from recbole_llm4msr.config.value_types import options_of
from recbole_llm4msr.util.missing_dataset import missing_dataset

_HERE = "command line"


def check_options(options: dict[str, str], others: list[str]) -> None:
    """Check the options of the training command.

    Args:
        options: Options of the command line, as texts.
        others: Arguments that are not options.

    Raises:
        ValueError: An argument is not an option, a key is unknown, a value is of another type, or
            there is no such model.
        FileNotFoundError: There is no such data set.
    """
    missing = [key for key in ("model", "dataset") if key not in options]
    if missing and "config_files" not in options:
        raise ValueError(f"--{' and --'.join(missing)} missing; see --help")
    sources: dict[str, str] = {}
    for file in options.get("config_files", "").split():
        sources |= dict.fromkeys(_keys(Path(file)), file)
    if others:
        raise ValueError(f"{_HERE}: {' '.join(others)!r} is not an option; write --key=value")
    sources |= dict.fromkeys(options, _HERE)
    model = options.get("model")
    if model is None:  # a file names it
        return
    names.check_model(model)
    for name in compared_names(convert(options.get("compare")), model):
        names.check_model(name, "compare")
    _check_types(options, model)
    if model.removeprefix("LLM4MSR_") in (*names.backbones(), *names.recboles_context_models()):
        # A backbone of another package may bring keys of its own.
        _check_keys(sources, options)
        check_dataset(options)


def check_settings(dataset: str, settings: dict[str, Any]) -> None:
    """Check the settings that follow the options of another command, where no files are given.

    Raises:
        ValueError: A key is unknown.
        FileNotFoundError: There is no such data set.
    """
    _check_keys(dict.fromkeys(settings, "config_dict"), settings)
    check_dataset({**settings, "dataset": dataset})


def _keys(file: Path) -> list[str]:
    """Keys of a configuration file; errors other than a missing file are left to ``Config``."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{file}: there is no such configuration file") from error
    except (yaml.YAMLError, OSError, UnicodeDecodeError):
        return []
    return list(content) if isinstance(content, dict) else []


def _check_keys(sources: dict[str, str], options: dict[str, Any]) -> None:
    unknown = unknown_keys(sources, known_keys())
    files = [file for key, file in sources.items() if key == "allow_unknown_keys"]
    if not unknown or files or convert(options.get("allow_unknown_keys")):
        return
    raise ValueError(unknown_keys_message(unknown, sources))


def _check_types(options: dict[str, str], model: str) -> None:
    """Check the types of the command line's values; those in files are left to ``Config``."""
    properties, plain = properties_folder(), model.removeprefix("LLM4MSR_")
    if plain in names.backbones():
        files = [properties / "model" / f"{plain}.yaml"]
        if not files[0].is_file():  # it starts from its parent's, whose name is not known here
            return
    elif plain in names.recboles_context_models():
        files = []
    else:
        return
    if model != plain:
        files += [properties / "model" / "LLM4MSR.yaml", properties / "model" / f"{model}.yaml"]
    dataset = options.get("dataset", "")
    files += [properties / "dataset" / f"{dataset}.yaml", _folder(options) / f"{dataset}.yaml"]
    own = [properties / "overall.yaml", properties / "knowledge.yaml", *files]
    types = options_of([*recboles_files(model), *filter(Path.is_file, own)])
    for key, text in options.items():
        if key in BY_SUFFIX:  # a file may name further suffixes
            continue
        error = value_error(key, convert_option(key, text), _HERE, types.get(key))
        if error:
            raise ValueError(error)


def check_dataset(options: dict[str, Any]) -> None:
    """Check that the data set's folder exists, unless an option or a file may say otherwise.

    Raises:
        FileNotFoundError: It does not; the message names the data sets that are there.
    """
    dataset = options.get("dataset")
    if dataset and len(Path(dataset).parts) > 1:
        raise missing_dataset(dataset, _folder(options))
    known = properties_folder() / "dataset" / f"{dataset}.yaml"
    elsewhere = {"config_files", "download", "SCENARIO_FIELD"} & set(options)
    if dataset in (None, "ml-100k") or elsewhere or known.is_file():
        return
    if not _folder(options).is_dir():
        raise missing_dataset(dataset, _folder(options))


def _folder(options: dict[str, Any]) -> Path:
    return Path(options.get("data_path", "dataset/")) / options.get("dataset", "")

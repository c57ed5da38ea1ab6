"""Configurations of the models that a run compares its model with (``compare``)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from recbole.utils import EvaluatorType

from recbole_llm4msr.config import Config, ConfigError
from recbole_llm4msr.config.compared import compared_names
from recbole_llm4msr.model import backbone_of, get_model


def compared_configs(
    config: Config,
    dataset: str | None,
    config_file_list: list[str] | None,
    config_dict: dict[str, Any] | None,
    command_line: Sequence[str] | None,
) -> list[Config]:
    """Read the configurations of all models to compare with, from the places of the chosen one's.

    Options that a model does not have are warned of. Files of the results are the chosen model's.

    Args:
        config: Configuration of the chosen model, whose keys have been checked.
        dataset: Name of the data set.
        config_file_list: Configuration files of the run.
        config_dict: Settings of the run.
        command_line: Arguments of the run.

    Returns:
        One for each model; none without ``compare``.

    Raises:
        ConfigError: There is no such model, it cannot be compared, or its settings are not valid.
    """
    names = compared_names(config["compare"], config.model)
    if not names:
        return []
    if not config["single_spec"]:
        raise ConfigError("compare: models are compared in one process; leave out compare or nproc")
    _check_comparable(config)
    for name in names:
        try:
            get_model(name)
        except ValueError as error:
            raise ConfigError(str(error).replace("model:", "compare:", 1)) from error
    # The chosen model's configuration has refused unknown keys; those of its backbone may be of
    # another package, and unknown to the others.
    settings = {**(config_dict or {}), "allow_unknown_keys": True}
    found = []
    for name in names:
        with naming_model(name):
            try:
                other = Config(name, dataset, config_file_list, settings, command_line)
                _check_comparable(other)
            except ValueError as error:
                raise ConfigError(f"compare: {name}: {error}") from error
            _leave_out(other)
        found.append(other)
    return found


@contextmanager
def naming_model(name: str) -> Iterator[None]:
    """Begin the warnings that are logged in this block with the name of a model."""
    make = logging.getLogRecordFactory()

    def named(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.levelno >= logging.WARNING:
            record.msg, record.args = f"{name}: {record.getMessage()}", ()
        return record

    logging.setLogRecordFactory(named)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _check_comparable(config: Config) -> None:
    """Refuse a model that has no AUC of test rows in the data set's order."""
    metrics = [str(metric).lower() for metric in config["metrics"]]
    by_row = config["eval_type"] == EvaluatorType.VALUE
    labeled = set(config["eval_args"]["mode"].values()) == {"labeled"}
    if not (config.multi_scenario and by_row and labeled and "auc" in metrics):
        raise ConfigError(
            f"compare: {config.model} has no AUC to compare: this needs a context-aware model, "
            "SCENARIO_FIELD, AUC among the metrics, and eval_args with mode: labeled"
        )


def _leave_out(config: Config) -> None:
    """Leave out what belongs to the chosen model alone, and a loss that RecBole's models lack."""
    for key in ("compare", "resume", "result_json", "save_predictions"):
        config[key] = None
    if config["scenario_loss_weight"] is not None and backbone_of(config.model_class) is None:
        logging.getLogger().warning(
            "scenario_loss_weight has no effect: the loss of RecBole's models is their own"
        )
        config["scenario_loss_weight"] = None

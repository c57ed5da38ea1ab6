"""The steps of an experiment: configuration, prepared data and knowledge, model, result.

:func:`run_experiment` takes all of them; a checkpoint that is loaded, a trial of tuning and the
prompts of the ``knowledge`` command take some. They seed, build and train in one way, here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from logging import getLogger
from pathlib import Path
from typing import Any, NamedTuple

import torch
from recbole.data.dataset import Dataset
from recbole.data.transform import construct_transform
from recbole.utils import ModelType, get_flops, init_seed

from recbole_llm4msr.compat import init_logger
from recbole_llm4msr.config import Config, ConfigError
from recbole_llm4msr.config.checks import check_outputs
from recbole_llm4msr.data import TrainingHistory, create_dataset, ensure_dataset
from recbole_llm4msr.data.feature_checks import warn_of_blanks
from recbole_llm4msr.evaluation import save_predictions
from recbole_llm4msr.model import backbone_of, get_model
from recbole_llm4msr.model.rare_ids import share_rare_rows
from recbole_llm4msr.pipeline import report
from recbole_llm4msr.pipeline.compared_configs import compared_configs
from recbole_llm4msr.pipeline.comparison import TestScores, compare
from recbole_llm4msr.pipeline.explanations import (
    explaining_empty_data,
    explaining_nan,
    make_log_folder,
)
from recbole_llm4msr.pipeline.phase_times import PhaseTimes
from recbole_llm4msr.pipeline.preparation import data_preparation
from recbole_llm4msr.pipeline.result_warnings import result_warnings
from recbole_llm4msr.pipeline.resume import check_resume
from recbole_llm4msr.training.trainer import get_trainer
from recbole_llm4msr.util.collectives import first_process_first
from recbole_llm4msr.util.parent_watch import end_with_parent


class PreparedData(NamedTuple):
    """A data set and the loaders of its splits; ``train.dataset`` carries the knowledge."""

    dataset: Dataset
    train: Any
    valid: Any
    test: Any


def read_config(
    model: str | type | None,
    dataset: str | None,
    config_file_list: list[str] | None,
    config_dict: dict[str, Any] | None,
    command_line: Sequence[str] | None,
) -> Config:
    """Read the configuration of a run; download the data set where it can be and is not there."""
    given = (model, dataset, config_file_list, config_dict, command_line)
    config = Config(*given)
    with first_process_first(config):
        is_new = config.multi_scenario and ensure_dataset(config)
    if is_new and config["single_spec"]:  # read the settings that the data set has brought
        config = Config(*given)
    check_outputs(config)
    check_resume(config)
    return config


def load_dataset(config: Config) -> Dataset:
    """Seed, then read the whole data set; the first process of a host reads it first."""
    init_seed(config["seed"], config["reproducibility"])
    with first_process_first(config), explaining_empty_data(config):
        dataset = create_dataset(config)
    warn_of_blanks(dataset)
    return dataset


def training_history(config: Config) -> TrainingHistory:
    """The training split's rows that a run with this configuration makes its prompts from."""
    train, *_ = load_dataset(config).build()
    return train.training_history()


def prepare_data(config: Config, dataset: Dataset) -> PreparedData:
    """Split a data set, and make or re-use the knowledge that the model reads."""
    with first_process_first(config):
        return PreparedData(dataset, *data_preparation(config, dataset))


def build_model(config: Config, train: Dataset) -> torch.nn.Module:
    """Seed, then build the model of a configuration on its device, for a training split."""
    init_seed(config["seed"] + config["local_rank"], config["reproducibility"])
    model_class = config.model_class or get_model(config["model"])
    model = model_class(config, train)
    # Models of this package do this in their __init__; for RecBole's own it is done here.
    if config["MODEL_TYPE"] == ModelType.CONTEXT and backbone_of(model_class) is None:
        share_rare_rows(model, config, train)
    return model.to(config["device"])


def make_trainer(config: Config, model: torch.nn.Module) -> Any:
    """The trainer of a model: of this package for context-aware models, else RecBole's."""
    return get_trainer(config["MODEL_TYPE"], config["model"])(config, model)


def train_and_test(
    config: Config,
    trainer: Any,
    data: PreparedData,
    saved: bool,
    times: PhaseTimes | None = None,
    silent: bool = False,
) -> dict[str, Any]:
    """Train with early stopping and test the best model (the last one where none is saved).

    Args:
        config: Configuration of the run.
        trainer: Trainer of the model.
        data: The loaders.
        saved: Whether the best model is saved, and tested.
        times: Gets the seconds of the two phases.
        silent: Whether epochs are neither logged nor shown as progress bars.

    Returns:
        RecBole's result: ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result`` and
        ``test_result``.
    """
    times = PhaseTimes() if times is None else times
    show = config["show_progress"] and not silent
    with times("training"), explaining_nan(config):
        score, valid_result = trainer.fit(
            data.train, data.valid, verbose=not silent, saved=saved, show_progress=show
        )
    with times("test"):
        test_result = trainer.evaluate(data.test, load_best_model=saved, show_progress=show)
    return {
        "best_valid_score": score,
        "valid_score_bigger": config["valid_metric_bigger"],
        "best_valid_result": valid_result,
        "test_result": test_result,
    }


def run_experiment(
    model: str | type | None = None,
    dataset: str | None = None,
    config_file_list: list[str] | None = None,
    config_dict: dict[str, Any] | None = None,
    saved: bool = True,
    queue: Any = None,
    command_line: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Train and test a model in this process, print its table and write its files.

    Args:
        model: Name or class of the model.
        dataset: Name of the data set.
        config_file_list: Configuration files, later ones winning.
        config_dict: Settings that win over the files.
        saved: Whether the best model is saved, and tested.
        queue: Gets the result of the first process, where a launcher waits for it.
        command_line: Arguments that win over all of these; ``None`` reads ``sys.argv``.

    Returns:
        The result of :func:`train_and_test`.
    """
    times = PhaseTimes()
    with times("configuration"):
        config = read_config(model, dataset, config_file_list, config_dict, command_line)
        init_seed(config["seed"], config["reproducibility"])
        make_log_folder(config["model"])
        init_logger(config)
    getLogger().info(sys.argv if command_line is None else list(command_line))
    getLogger().info(config)
    with config.naming_places():
        others = compared_configs(config, dataset, config_file_list, config_dict, command_line)
        if others:
            return compare(config, others, times, partial(_run, saved=saved))
        return _run(config, times, saved, queue)


def _run(
    config: Config,
    times: PhaseTimes,
    saved: bool,
    queue: Any = None,
    scores: TestScores | None = None,
) -> dict[str, Any]:
    """Run an experiment whose configuration has been read; a comparison gets its test scores."""
    logger = getLogger()
    with times("data"):
        whole = load_dataset(config)
    logger.info(whole)
    with times("split and knowledge"):
        data = prepare_data(config, whole)
    key = "save_predictions" if config["save_predictions"] else "compare" if scores else None
    if key and not len(data.test):
        raise ConfigError(f"{key}: eval_args leaves no row to the test split")
    Path(config["checkpoint_dir"]).mkdir(parents=True, exist_ok=True)
    with times("model"):
        built = build_model(config, data.train.dataset)
        logger.info(built)
        # RecBole counts on the whole data set, and some of its transformations draw at random.
        counted = data.train.dataset if config.multi_scenario else data.dataset
        flops = get_flops(built, counted, config["device"], logger, construct_transform(config))
        logger.info(f"FLOPs: {flops}")
        trainer = make_trainer(config, built)
        if config["resume"]:
            trainer.resume_checkpoint(config["resume"])
    result = train_and_test(config, trainer, data, saved, times)
    rows = trainer.predict_rows(data.test) if key else None
    if not config["single_spec"]:
        torch.distributed.destroy_process_group()
    if config["local_rank"] == 0:
        splits = [loader.dataset for loader in data[1:]]
        warnings = result_warnings(config, *splits, result)
        if scores is None or scores.is_chosen(config):
            report.write_outputs(config, trainer, data.test.dataset, result, times, warnings)
        if config["save_predictions"]:
            place = config["save_predictions"]
            save_predictions(place, rows, data.test.dataset, data.train.dataset)
        if scores is not None:
            scores.add(config, result, times, rows, data, warnings)
        if queue is not None:
            queue.put(result)
    return result


def run_experiment_process(rank: int, *args: Any) -> None:
    """Run an experiment as process ``rank``; importing this makes our models known there."""
    end_with_parent()
    *positional, options = args
    options["config_dict"] = {**(options.get("config_dict") or {}), "local_rank": rank}
    run_experiment(*positional, **options)

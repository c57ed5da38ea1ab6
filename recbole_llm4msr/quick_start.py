"""One call from a model's name to its results: the counterpart of ``recbole.quick_start``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from logging import getLogger
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from recbole.data.dataset import Dataset
from recbole.data.transform import construct_transform
from recbole.utils import ModelType, get_flops, init_logger, init_seed

from recbole_llm4msr import compat
from recbole_llm4msr.config import Config, ConfigError
from recbole_llm4msr.config.checks import check_outputs
from recbole_llm4msr.data import TrainingHistory, create_dataset, ensure_dataset
from recbole_llm4msr.evaluation import save_predictions
from recbole_llm4msr.model import backbone_of, get_model
from recbole_llm4msr.model.rare_ids import share_rare_rows
from recbole_llm4msr.pipeline import report
from recbole_llm4msr.pipeline.preparation import data_preparation
from recbole_llm4msr.pipeline.processes import in_processes
from recbole_llm4msr.training.trainer import get_trainer
from recbole_llm4msr.util.collectives import first_process_first


class _Phases(dict):
    """Seconds of each phase of a run, by name."""

    @contextmanager
    def __call__(self, name: str):
        start = perf_counter()
        yield
        self[name] = round(perf_counter() - start, 3)


def run(
    model: str | type | None = None,
    dataset: str | None = None,
    config_file_list: list[str] | None = None,
    config_dict: dict[str, Any] | None = None,
    saved: bool = True,
    **launch: Any,
) -> dict[str, Any]:
    """Train a model, ours or RecBole's, and evaluate it; print one table at the end.

    Args:
        model: Name or class of the model.
        dataset: Name of the data set.
        config_file_list: Configuration files, later ones winning.
        config_dict: Settings that win over the files.
        saved: Whether the best model is saved, and tested.
        **launch: ``nproc``, ``world_size``, ``ip``, ``port``, ``group_offset`` as in RecBole.

    Returns:
        RecBole's result: ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result``,
        ``test_result``; the results hold a key per metric and scenario.
    """
    if launch.get("nproc", 1) > 1 or launch.get("world_size", -1) > 0:
        given = (model, dataset, config_file_list)
        return in_processes(run_recboles, given, config_dict, saved=saved, **launch)
    return run_recbole(model, dataset, config_file_list, config_dict, saved)


def run_recbole(
    model: str | type | None = None,
    dataset: str | None = None,
    config_file_list: list[str] | None = None,
    config_dict: dict[str, Any] | None = None,
    saved: bool = True,
    queue: Any = None,
) -> dict[str, Any]:
    """:func:`run` in this process; ``queue`` gets the result when a launcher waits for it."""
    phases = _Phases()
    with phases("configuration"):
        config = Config(model, dataset, config_file_list, config_dict)
        with first_process_first(config):
            made = config.multi_scenario and ensure_dataset(config)
        if made and config["single_spec"]:  # read the settings that the data set has brought
            config = Config(model, dataset, config_file_list, config_dict)
        check_outputs(config)
        init_seed(config["seed"], config["reproducibility"])
        # RecBole makes this folder too, but two of its processes would race for it.
        Path("log", config["model"]).mkdir(parents=True, exist_ok=True)
        init_logger(config)
    logger = getLogger()
    logger.info(sys.argv)
    logger.info(config)

    with phases("data"), first_process_first(config):
        dataset = create_dataset(config)
    logger.info(dataset)
    with phases("split and knowledge"), first_process_first(config):
        train_data, valid_data, test_data = data_preparation(config, dataset)
    if config["save_predictions"] and not len(test_data):
        raise ConfigError("save_predictions: eval_args leaves no row to the test split")
    Path(config["checkpoint_dir"]).mkdir(parents=True, exist_ok=True)
    with phases("model"):
        init_seed(config["seed"] + config["local_rank"], config["reproducibility"])
        model = get_model(config["model"]) if config.model_class is None else config.model_class
        model = _build(model, config, train_data.dataset)
        logger.info(model)
        # RecBole counts on the whole data set, and some of its transformations draw at random.
        counted = train_data.dataset if config.multi_scenario else dataset
        flops = get_flops(model, counted, config["device"], logger, construct_transform(config))
        logger.info(f"FLOPs: {flops}")
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    with phases("training"):
        best_valid_score, best_valid_result = trainer.fit(
            train_data, valid_data, saved=saved, show_progress=config["show_progress"]
        )
    with phases("test"):
        test_result = trainer.evaluate(
            test_data, load_best_model=saved, show_progress=config["show_progress"]
        )

    result = {
        "best_valid_score": best_valid_score,
        "valid_score_bigger": config["valid_metric_bigger"],
        "best_valid_result": best_valid_result,
        "test_result": test_result,
    }
    rows = trainer.predict_rows(test_data) if config["save_predictions"] else None
    if not config["single_spec"]:
        torch.distributed.destroy_process_group()
    if config["local_rank"] == 0:
        _hand_over(config, trainer, test_data.dataset, result, phases)
        if rows is not None:
            save_predictions(
                config["save_predictions"], rows, test_data.dataset, train_data.dataset
            )
        if queue is not None:
            queue.put(result)
    return result


def _build(model_class: type, config: Config, train: Dataset) -> torch.nn.Module:
    """A model on its device. What ours do in their ``__init__``, RecBole's own get here."""
    model = model_class(config, train)
    if config["MODEL_TYPE"] == ModelType.CONTEXT and backbone_of(model_class) is None:
        share_rare_rows(model, config, train)
    return model.to(config["device"])


def _hand_over(config: Config, trainer, test: Dataset, result: dict, phases: _Phases) -> None:
    """Print the table, and write the result."""
    course = report.Course.of(trainer)
    if config.multi_scenario:
        report.print_table(config, test, result, phases, course)
    else:
        getLogger().info(f"best valid: {result['best_valid_result']}")
        getLogger().info(f"test result: {result['test_result']}")
    if config["result_json"]:
        report.write_json(Path(config["result_json"]), config, result, phases, course)


def run_recboles(rank: int, *args: Any) -> None:
    """What a spawned process runs; importing it is what makes our models known there."""
    *positional, options = args
    options["config_dict"] = {**(options.get("config_dict") or {}), "local_rank": rank}
    run_recbole(*positional, **options)


def load_data_and_model(model_file: str | Path) -> tuple:
    """Everything a checkpoint was trained with, in a fresh process.

    Args:
        model_file: The ``.pth`` file.

    Returns:
        ``(config, model, dataset, train_data, valid_data, test_data)``, as in RecBole.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: It is no checkpoint, or it holds more than one may.
        ValueError: The knowledge at hand is not what the model was trained with.
    """
    checkpoint = compat.load_checkpoint(model_file)
    config = checkpoint["config"]
    # One process, on what this machine has, wherever and by however many it was trained.
    gpu = config["use_gpu"] and torch.cuda.is_available()
    config["device"] = torch.device("cuda" if gpu else "cpu")
    config["single_spec"], config["local_rank"] = True, 0
    init_seed(config["seed"], config["reproducibility"])
    init_logger(config)
    dataset = create_dataset(config)
    loaders = data_preparation(config, dataset)
    init_seed(config["seed"], config["reproducibility"])
    model = _build(get_model(config["model"]), config, loaders[0].dataset)
    model.load_state_dict(checkpoint["state_dict"])
    model.load_other_parameter(checkpoint.get("other_parameter"))
    return config, model, dataset, *loaders


def training_history(config: Config) -> TrainingHistory:
    """The training split's rows that a run with this configuration makes its prompts from."""
    init_seed(config["seed"], config["reproducibility"])
    train, *_ = create_dataset(config).build()
    return train.training_history()


def objective_function(
    config_dict: dict[str, Any] | None = None,
    config_file_list: list[str] | None = None,
    saved: bool = True,
) -> dict[str, Any]:
    """One trial of hyper-parameter tuning: RecBole's objective, for all models.

    Returns:
        ``model``, ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result`` and
        ``test_result``.
    """
    config = Config(config_dict=config_dict, config_file_list=config_file_list)
    init_seed(config["seed"], config["reproducibility"])
    loaders = data_preparation(config, create_dataset(config))
    init_seed(config["seed"], config["reproducibility"])
    model = _build(config.model_class, config, loaders[0].dataset)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    score, valid_result = trainer.fit(loaders[0], loaders[1], verbose=False, saved=saved)
    test_result = trainer.evaluate(loaders[2], load_best_model=saved)
    compat.report(test_result)  # to Ray, where it runs the trial
    return {
        "model": config["model"],
        "best_valid_score": score,
        "valid_score_bigger": config["valid_metric_bigger"],
        "best_valid_result": valid_result,
        "test_result": test_result,
    }

"""Train, load and tune models in one call each: the counterpart of ``recbole.quick_start``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from recbole_llm4msr import compat
from recbole_llm4msr.config import Config
from recbole_llm4msr.data import create_dataset
from recbole_llm4msr.pipeline.experiment import (
    build_model,
    load_dataset,
    make_trainer,
    prepare_data,
    train_and_test,
    training_history,
)
from recbole_llm4msr.pipeline.experiment import run_experiment as run_recbole
from recbole_llm4msr.pipeline.experiment import run_experiment_process as run_recboles
from recbole_llm4msr.pipeline.preparation import data_preparation
from recbole_llm4msr.pipeline.processes import check_processes, run_processes
from recbole_llm4msr.pipeline.trained_model import load_data_and_model

__all__ = [
    "create_dataset",
    "data_preparation",
    "load_data_and_model",
    "objective_function",
    "run",
    "run_recbole",
    "run_recboles",
    "training_history",
]


def run(
    model: str | type | None = None,
    dataset: str | None = None,
    config_file_list: list[str] | None = None,
    config_dict: dict[str, Any] | None = None,
    saved: bool = True,
    command_line: Sequence[str] | None = None,
    **launch: Any,
) -> dict[str, Any]:
    """Train a model, ours or RecBole's, and evaluate it; print one table at the end.

    Args:
        model: Name or class of the model.
        dataset: Name of the data set.
        config_file_list: Configuration files, later ones winning.
        config_dict: Settings that win over the files.
        saved: Whether the best model is saved, and tested.
        command_line: Arguments ``--key=value`` that win over all of these, each of which must be
            an option; ``None`` reads ``sys.argv``, as RecBole does, ``[]`` nothing.
        **launch: ``nproc``, ``world_size``, ``ip``, ``port``, ``group_offset`` as in RecBole;
            ``oversubscribe`` allows more processes than cores.

    Returns:
        RecBole's result: ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result``,
        ``test_result``; the results hold a key per metric and scenario. With ``compare`` also
        ``comparison``, a list with the row of each model.

    Raises:
        ValueError: A setting is not valid, or there are fewer cores or GPUs than processes.
    """
    options = {"saved": saved, "command_line": command_line}
    if launch.get("nproc", 1) != 1 or launch.get("world_size", -1) > 0:
        given = (model, dataset, config_file_list)
        oversubscribe = launch.pop("oversubscribe", False)
        logging.disable(logging.WARNING)  # the first process says it again
        try:
            config = Config(*given, config_dict, command_line)
        finally:
            logging.disable(logging.NOTSET)
        if config["compare"]:
            raise ValueError(
                "compare: models are compared in one process; leave out --compare or --nproc, or "
                "compare them with `recbole-llm4msr benchmark`"
            )
        check_processes(launch.get("nproc", 1), config, oversubscribe)
        return run_processes(run_recboles, given, config_dict, options, **launch)
    return run_recbole(model, dataset, config_file_list, config_dict, **options)


def objective_function(
    config_dict: dict[str, Any] | None = None,
    config_file_list: list[str] | None = None,
    saved: bool = True,
) -> dict[str, Any]:
    """Run one trial of hyper-parameter tuning: RecBole's objective, for all models.

    Returns:
        ``model``, ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result`` and
        ``test_result``.
    """
    config = Config(config_dict=config_dict, config_file_list=config_file_list)
    if config["compare"]:
        logging.getLogger().warning("compare has no effect in a trial of tuning")
    data = prepare_data(config, load_dataset(config))
    trainer = make_trainer(config, build_model(config, data.train.dataset))
    result = train_and_test(config, trainer, data, saved, silent=True)
    compat.report_to_ray(result["test_result"])
    return {"model": config["model"], **result}

"""Check metrics, ``eval_args`` and output files before a run starts."""

from __future__ import annotations

import os
import re
from logging import getLogger
from pathlib import Path
from typing import Any

from recbole.evaluator import metric_types
from recbole.utils import EvaluatorType, ModelType


class ConfigError(ValueError):
    """A configuration that is not valid; the message names key, place and remedy."""


def check_metrics(metrics: list[str], valid_metric: str) -> None:
    """Check that the metrics can be measured together.

    Args:
        metrics: Names of metrics that exist.
        valid_metric: The one of early stopping, maybe with ``@10`` or ``@<scenario>``.

    Raises:
        ConfigError: They are of two kinds, or ``valid_metric`` is not among them.
    """
    names, judge = [metric.lower() for metric in metrics], valid_metric.split("@")[0].lower()
    # GAUC is of both kinds: RecBole's ranks items, ours is of rows with labels.
    if len({metric_types[name] for name in names if name != "gauc"}) > 1:
        raise ConfigError(f"metrics: {metrics} are both of rankings and of rows; choose one kind")
    if judge not in names:
        raise ConfigError(
            f"valid_metric: {valid_metric} is not among the metrics {metrics}; add it there"
        )


def whole_eval_args(given: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Complete ``eval_args`` with the defaults of missing keys, and log them."""
    kept = {key: value for key, value in defaults.items() if key not in given}
    if kept:
        getLogger().warning(
            "eval_args: only %s given; RecBole would replace the rest by defaults that are meant "
            "for ranking (mode: full). Kept: %s",
            ", ".join(given),
            kept,
        )
    return {**kept, **given}


def check_evaluation(config: Any) -> None:
    """Check ``eval_args`` by themselves and with the metrics.

    ``save_predictions`` is switched off, with a warning, where the evaluation has no predictions.

    Args:
        config: A complete :class:`~recbole_llm4msr.config.Config`.

    Raises:
        ConfigError: Split, order, grouping or mode is not valid.
    """
    eval_args = config["eval_args"]
    if config["benchmark_filename"] is None:  # else the files are the split
        _check_split(eval_args)
    modes = set(eval_args["mode"].values())
    for mode in modes:
        if not re.fullmatch(r"full|labeled|(uni|pop)[1-9]\d*", str(mode)):
            raise ConfigError(
                f"eval_args: mode: {mode!r} is not one of labeled (rows with labels), full, uni100 "
                "and pop100 (rankings)"
            )
    ranks = config["eval_type"] == EvaluatorType.RANKING
    if ranks and "labeled" in modes:
        raise ConfigError(
            f"metrics: {config['metrics']} rank items, and mode labeled has rows with labels, "
            "which AUC, LogLoss and GAUC measure; for rankings of the rows with label 1 set "
            "eval_args to mode: uni100 and val_interval to {<label field>: '[1,1]'}"
        )
    if ranks and config.multi_scenario and "full" in modes:
        raise ConfigError(
            "eval_args: mode full scores every item for a user, and such a row has no scenario; "
            "rank against sampled items (mode: uni100), or set SCENARIO_FIELD to null"
        )
    by_scenario = config.multi_scenario and not ranks
    _, _, of = config["valid_metric"].partition("@")
    if of and not of.isdigit() and not by_scenario:
        raise ConfigError(
            f"valid_metric: {config['valid_metric']} needs a model with scenarios (SCENARIO_FIELD) "
            "and metrics of labelled rows, as AUC"
        )
    if config["save_predictions"] and not (by_scenario and modes == {"labeled"}):
        getLogger().warning(
            "save_predictions is left out: it needs a context-aware model, SCENARIO_FIELD, metrics "
            "of labelled rows, as AUC, and eval_args with mode: labeled"
        )
        config["save_predictions"] = None


def _check_split(eval_args: dict[str, Any]) -> None:
    split, group_by, order = (eval_args[key] for key in ("split", "group_by", "order"))
    if not isinstance(split, dict) or len(split) != 1 or not set(split) <= {"RS", "LS", "TS"}:
        raise ConfigError(
            f"eval_args: split: {split!r} is none of {{RS: [0.8, 0.1, 0.1]}} (shares), "
            "{LS: valid_and_test} (the last rows) and {TS: [0.8, 0.1, 0.1]} (shares in the order "
            "of time)"
        )
    for kind in {"RS", "TS"} & set(split):
        shares = split[kind]
        if not isinstance(shares, list | tuple) or len(shares) != 3:
            raise ConfigError(
                f"eval_args: {kind}: {shares!r} has to hold three shares, of training, validation "
                "and test rows, as [0.8, 0.1, 0.1]"
            )
        _check_shares(kind, shares)
    if "LS" in split and split["LS"] not in ("valid_and_test", "valid_only", "test_only"):
        raise ConfigError(
            f"eval_args: LS: {split['LS']!r} is not one of valid_and_test, valid_only and test_only"
        )
    if "RS" in split and str(group_by).lower() not in ("user", "none"):
        raise ConfigError(f"eval_args: group_by: {group_by!r} is neither user nor none")
    if order not in ("RO", "TO"):
        raise ConfigError(f"eval_args: order: {order!r} is neither RO (at random) nor TO (by time)")


def _check_shares(kind: str, shares: list[float]) -> None:
    """Check that shares add up to 1; RecBole scales them without a word."""
    numbers = [share for share in shares if isinstance(share, int | float) and share >= 0]
    total = sum(numbers)
    if len(numbers) == len(shares) and abs(total - 1) < 1e-6:
        return
    like = [0.8, 0.1, 0.1]
    if len(numbers) == len(shares) and total in (10, 100, 1000):  # parts of ten, percent, per mille
        like = [round(share / total, 6) for share in shares]
    raise ConfigError(
        f"eval_args: {kind}: {shares!r} are not three shares that add up to 1, as {like}"
    )


def use_given_data(config: Any) -> None:
    """Read ml-100k from ``data_path`` where that holds it, instead of RecBole's own copy.

    Args:
        config: Configuration; where ``data_path`` was written and lacks ml-100k, this is logged.
    """
    if config.dataset != "ml-100k" or not config.place_of("data_path"):
        return
    folder = Path(config.external_config_dict.get("data_path", "dataset")) / "ml-100k"
    if (folder / "ml-100k.inter").is_file():
        config["data_path"] = str(folder)
    else:
        getLogger().warning(
            "data_path: there is no %s; ml-100k is read from RecBole's own copy",
            folder / "ml-100k.inter",
        )


def check_training(config: Any) -> None:
    """Check settings of training that contradict each other, or that this machine cannot follow.

    Args:
        config: A complete configuration.

    Raises:
        ConfigError: ``embedding_optimizer`` is a form of Adam, and ``learner`` is not.
    """
    if config["MODEL_TYPE"] == ModelType.CONTEXT:
        of_tables, learner = config["embedding_optimizer"], str(config["learner"]).lower()
        if of_tables in ("deferred_adam", "sparse_adam") and "adam" not in learner:
            raise ConfigError(
                f"embedding_optimizer: {of_tables} updates embeddings by Adam, and learner is "
                f"{learner}; set embedding_optimizer: dense, or learner: adam"
            )
    if config["epochs"] == 0:
        getLogger().warning("epochs: 0 trains nothing; the model is tested as it was drawn")


def check_device(config: Any) -> None:
    """Warn where ``gpu_id`` was written and RecBole has chosen the CPU."""
    place = config.place_of("gpu_id")
    if place and config["use_gpu"] and config["device"].type == "cpu":
        getLogger().warning(
            "gpu_id: %s (%s) has no effect: there is no such GPU here; training runs on the CPU",
            config["gpu_id"],
            place,
        )


def check_outputs(config: Any) -> None:
    """Check that checkpoint, ``result_json`` and ``save_predictions`` can be written.

    Args:
        config: Configuration; the folders that it names are made.

    Raises:
        ConfigError: A path is of the wrong kind, or its folder cannot be made or written to.
    """
    folder = Path(config["checkpoint_dir"])
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"checkpoint_dir: {folder} is a file; name a folder")
    predictions = config["save_predictions"]
    if predictions and Path(predictions).suffix not in ("", ".parquet"):
        raise ConfigError(
            f"save_predictions: {predictions} gets a parquet file; name it "
            f"{Path(predictions).with_suffix('.parquet')}"
        )
    for key in ("result_json", "save_predictions"):
        if not config[key]:
            continue
        path = Path(config[key])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{key}: {path} cannot be written: {error}") from error
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise ConfigError(f"{key}: {path} is a folder, or lies in one that is not writable")

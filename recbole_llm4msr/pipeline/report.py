"""Write the result of a run: a table on the terminal, and ``result_json``."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from logging import getLogger
from pathlib import Path
from typing import Any

from recbole.data.dataset import Dataset
from recbole.utils import EvaluatorType
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recbole_llm4msr.util.atomic_write import atomic_write

_PACKAGES = ("recbole_llm4msr", "recbole", "torch", "numpy", "pandas", "polars", "scikit-learn")


@dataclass(frozen=True)
class TrainingSummary:
    """Epochs, validation curve and number of parameters: what a result holds besides metrics."""

    epochs: int
    #: ``valid_metric`` at each evaluation; not every trainer of RecBole's keeps it.
    curve: list[float]
    parameters: int

    @classmethod
    def of(cls, trainer: Any) -> TrainingSummary:
        """Summarise the training that a trainer has done."""
        parameters = sum(p.numel() for p in trainer.model.parameters())
        return cls(len(trainer.train_loss_dict), getattr(trainer, "valid_curve", []), parameters)


def write_outputs(
    config,
    trainer,
    test: Dataset,
    result: dict[str, Any],
    phases: dict,
    warnings: Sequence[str] = (),
) -> None:
    """Print the table (log the result of a model without scenarios), and write ``result_json``.

    Args:
        config: Configuration of the run.
        trainer: The trainer of the run.
        test: The test split.
        result: RecBole's result dict.
        phases: Seconds by phase.
        warnings: Sentences of :func:`~.result_warnings.result_warnings`.
    """
    training = TrainingSummary.of(trainer)
    if config.multi_scenario:
        print_table(config, test, result, phases, training, warnings)
    else:
        for sentence in warnings:
            getLogger().warning(sentence)
        getLogger().info(f"best valid: {result['best_valid_result']}")
        getLogger().info(f"test result: {result['test_result']}")
    if config["result_json"]:
        write_json(Path(config["result_json"]), config, result, phases, training, warnings)


def print_table(
    config,
    dataset,
    result: dict[str, Any],
    phases: dict,
    training: TrainingSummary,
    warnings: Sequence[str] = (),
) -> None:
    """Print AUC, LogLoss and whatever else was measured, a scenario a line, then mean and overall.

    Metrics of rankings (``recall@10``) are there for all rows only.

    Args:
        config: Configuration of the run.
        dataset: Knows the scenarios' tokens and names.
        result: RecBole's result dict.
        phases: Seconds by phase.
        training: How many epochs were trained.
        warnings: Sentences that are printed above the table, a line each.
    """
    if config["eval_type"] == EvaluatorType.RANKING:
        metrics, scenarios = list(result["test_result"] or ()), []
    else:
        metrics = [metric.lower() for metric in config["metrics"]]
        scenarios = dataset.scenario_tokens
    table = Table(title=f"{config['model']} on {config['dataset']}", title_style="bold")
    table.add_column("scenario", no_wrap=True)
    for split in ("valid", "test"):
        for metric in metrics:
            table.add_column(f"{split}\n{metric}", justify="right", no_wrap=True)
    for token in scenarios:
        table.add_row(escape(token), *_cells(result, metrics, f"@{token}"))
    if scenarios:
        table.add_section()
        table.add_row("mean", *_cells(result, metrics, "@mean"))
    table.add_row("all rows", *_cells(result, metrics, ""), style="bold")
    console = Console(highlight=False)
    for sentence in warnings:
        console.print(f"[yellow]warning:[/] {escape(sentence)}", soft_wrap=True)
    console.print(table)
    for token, name in zip(dataset.scenario_tokens, dataset.scenario_names, strict=True):
        if name != token:
            console.print(escape(f"{token}: {name}"))
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in phases.items())
    console.print(f"epochs: {training.epochs}; {seconds}", soft_wrap=True)


def _cells(result: dict[str, Any], metrics: list[str], suffix: str) -> list[str]:
    cells = []
    for split in ("best_valid_result", "test_result"):
        values = [(result[split] or {}).get(metric + suffix) for metric in metrics]
        undefined = [value is not None and math.isnan(value) for value in values]
        # One class has no AUC, but a LogLoss; without rows there is no metric at all. GAUC also
        # needs a user with both classes.
        no_rows = all(undefined) and len(metrics) > 1
        for metric, value, nan in zip(metrics, values, undefined, strict=True):
            reason = "no rows" if no_rows else "one class" if metric == "auc" else "undefined"
            cells.append("-" if value is None else reason if nan else f"{value:.4f}")
    return cells


def write_json(
    path: Path,
    config,
    result: dict[str, Any],
    phases: dict,
    training: TrainingSummary,
    warnings: Sequence[str] = (),
) -> None:
    """Write the result with what is needed to repeat it; the file appears complete or not at all.

    NaN (a scenario with one class) becomes ``null``, which JSON can hold.
    """
    content = {
        "model": config["model"],
        "dataset": config["dataset"],
        "seed": config["seed"],
        **asdict(training),
        **result,
        "warnings": list(warnings),
        "seconds": dict(phases),
        "versions": {"python": platform.python_version(), **_versions()},
        "config": {key: _plain(value) for key, value in config.final_config_dict.items()},
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(_without_nan(content), indent=1) + "\n", encoding="utf-8")


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a checkout that is not installed
            found[package] = None
    return found


def _plain(value: Any) -> Any:
    """Settings as JSON can hold them; enums, devices and the like by name."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value

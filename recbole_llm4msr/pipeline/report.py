"""Write the result of a run: a table on the terminal, and ``result_json``."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from logging import getLogger
from pathlib import Path
from typing import Any

from recbole.data.dataset import Dataset
from recbole.utils import EvaluatorType
from rich.console import Console
from rich.markup import escape

from recbole_llm4msr.util.atomic_write import atomic_write
from recbole_llm4msr.util.fitted_table import fitted_tables
from recbole_llm4msr.util.requirement import installed_version

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
    """Print the table (log the result of a model without scenarios too), write ``result_json``.

    Args:
        config: Configuration of the run.
        trainer: The trainer of the run.
        test: The test split.
        result: RecBole's result dict.
        phases: Seconds by phase.
        warnings: Sentences of :func:`~.result_warnings.result_warnings`.
    """
    training = TrainingSummary.of(trainer)
    print_table(config, test, result, phases, training, warnings)
    if not config.multi_scenario:
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
        metrics, scenarios = list(result["test_result"] or result["best_valid_result"] or ()), []
    else:
        metrics = [metric.lower() for metric in config["metrics"]]
        # A model of RecBole's other kinds has RecBole's data set.
        scenarios = getattr(dataset, "scenario_tokens", [])
    headers = ["scenario", *(f"{split}\n{m}" for split in ("valid", "test") for m in metrics)]
    rows = [[token, *_cells(result, metrics, f"@{token}")] for token in _sorted(scenarios)]
    if scenarios:
        rows.append(["mean", *_cells(result, metrics, "@mean")])
    rows.append(["all rows", *_cells(result, metrics, "")])
    console = Console(highlight=False)
    for sentence in warnings:
        _print_warning(console, sentence)
    for table in fitted_tables(
        f"{config['model']} on {config['dataset']}",
        headers,
        rows,
        console.width,
        bold=[len(rows) - 1],
        section_before=len(scenarios) or None,
    ):
        console.print(table)
    named = zip(dataset.scenario_tokens, dataset.scenario_names, strict=True) if scenarios else ()
    for token, name in named:
        if name != token:
            console.print(escape(f"{token}: {name}"))
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in phases.items())
    console.print(f"epochs: {training.epochs}; {seconds}", soft_wrap=True)


def print_comparison(config, table: Sequence[dict[str, Any]]) -> None:
    """Print the table of ``compare``: a model a line, the chosen one first.

    Args:
        config: Configuration of the chosen model.
        table: Rows as :meth:`~recbole_llm4msr.pipeline.comparison.TestScores.table` makes them.
    """
    headers = ["model", "test\nAUC", "\nLogLoss", "\nGAUC", "AUC\ndiff.", "95 %\nrange", "s"]
    rows = []
    for row in table:
        values = [row[metric] for metric in ("auc", "logloss", "gauc")]
        cells = ["-" if v is None or math.isnan(v) else f"{v:.4f}" for v in values]
        bounds = [row["difference"], *(row["interval"] or ())]
        difference, *interval = ["-" if v is None or math.isnan(v) else f"{v:+.4f}" for v in bounds]
        seconds = row["training_seconds"]
        seconds = f"{seconds:.1f}" if seconds < 100 else f"{seconds:.0f}"
        cells += [difference, "\n".join(interval) or "-", seconds]
        rows.append([row["model"], *cells])
    console = Console(highlight=False)
    models: dict[str, list[str]] = {}
    for row in table:
        for sentence in row["warnings"]:
            models.setdefault(sentence, []).append(row["model"])
    for sentence, names in models.items():
        _print_warning(console, f"{', '.join(names)}: {sentence}")
    title = f"{config['model']} compared on {config['dataset']}"
    for printed in fitted_tables(title, headers, rows, console.width, bold=[0], section_before=1):
        console.print(printed)
    console.print(
        f"AUC diff.: minus that of {config['model']}; 95 % range: bootstrap over the test "
        f"users, one seed ({config['seed']}); s: seconds of training"
    )


def _print_warning(console: Console, sentence: str) -> None:
    console.print(f"[yellow]warning:[/] {escape(sentence)}", soft_wrap=True)


def _sorted(tokens: Sequence[str]) -> list[str]:
    """Scenarios in the order of their ids, or by number where all tokens are numbers."""
    return sorted(tokens, key=int) if all(t.isdecimal() for t in tokens) else list(tokens)


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
    installed = {package: installed_version(package) for package in _PACKAGES}
    content = {
        "model": config["model"],
        "dataset": config["dataset"],
        "seed": config["seed"],
        **asdict(training),
        **result,
        "warnings": list(warnings),
        "seconds": dict(phases),
        "versions": {"python": platform.python_version(), **installed},
        "config": {key: _plain(value) for key, value in config.final_config_dict.items()},
    }
    _write(path, _without_nan(content))


def add_to_json(path: Path, key: str, value: Any) -> None:
    """Add a key to a file that :func:`write_json` has written; it is replaced at once."""
    content = json.loads(path.read_text(encoding="utf-8"))
    _write(path, {**content, key: _without_nan(value)})


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


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

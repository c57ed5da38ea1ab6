"""Train models one after the other, and compare their scores of the same test rows."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging import getLogger
from math import nan
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch
from recbole.evaluator.collector import DataStruct

from recbole_llm4msr.config import Config
from recbole_llm4msr.evaluation import save_predictions
from recbole_llm4msr.pipeline import report
from recbole_llm4msr.pipeline.compared_configs import naming_model
from recbole_llm4msr.pipeline.phase_times import PhaseTimes
from recbole_llm4msr.util.staging import remove_abandoned, staging_path

#: Name of the temporary folder of the scores.
_FOLDER = "recbole_llm4msr_compare"

#: Metrics of the table, where they are measured.
_METRICS = ("auc", "logloss", "gauc")


class TestScores:
    """Scores of the test rows of each model, in files, so that no model stays in memory.

    Args:
        folder: Folder of the files.
        chosen: Configuration of the chosen model.
    """

    __test__ = False  # not a test of pytest's

    def __init__(self, folder: Path, chosen: Config) -> None:
        from recbole_llm4msr.evaluation.benchmark.statistics import ResampledUsers

        self._users = ResampledUsers(folder)
        self._chosen = chosen
        self._runs: list[Any] = []
        self._warnings: dict[str, list[str]] = {}  # by model

    def is_chosen(self, config: Config) -> bool:
        """Whether a configuration is that of the chosen model."""
        return config is self._chosen

    def add(
        self,
        config: Config,
        result: dict[str, Any],
        seconds: dict[str, float],
        rows: DataStruct,
        data: Any,
        warnings: Sequence[str],
    ) -> None:
        """Keep the result of one model; the first one is the chosen model.

        Args:
            config: Its configuration.
            result: RecBole's result.
            seconds: Seconds by phase.
            rows: The rows of the test split with their scores, in the order of the split.
            data: The loaders.
            warnings: Reasons to read the result with care.
        """
        from recbole_llm4msr.evaluation.benchmark import Run

        file = f"{config.model}.parquet"
        save_predictions(self._users.folder / file, rows, data.test.dataset, data.train.dataset)
        run = Run(
            run=config.model,
            model=config.model,
            dataset=config.dataset,
            seed=config["seed"],
            settings={},
            valid=dict(result["best_valid_result"] or {}),
            test=dict(result["test_result"]),
            seconds=dict(seconds),
            predictions=file,
        )
        self._runs.append(run)
        self._warnings[run.model] = list(warnings)

    def table(self) -> list[dict[str, Any]]:
        """The rows of the table, a model each, the chosen one first.

        Returns:
            ``model``; ``auc``, ``logloss`` and ``gauc`` of the test rows (``None`` where not
            measured); ``difference`` of the AUC to that of the chosen model and its 95 %
            ``interval`` over the test users (``None`` for the chosen model, and for one that was
            tested on other rows); ``training_seconds``; ``warnings``.
        """
        chosen, table = self._runs[0], []
        for run in self._runs:
            row: dict[str, Any] = {"model": run.model}
            row |= {metric: run.test.get(metric) for metric in _METRICS}
            row |= {"difference": None, "interval": None}
            if run is not chosen and self._users.same_rows([run], [chosen]):
                row["difference"] = run.test.get("auc", nan) - chosen.test.get("auc", nan)
                interval = self._users.interval([run], [chosen], "auc")
                row["interval"] = None if interval is None else list(interval)
            elif run is not chosen:
                self._warnings[run.model].append(
                    f"It was tested on other rows than {chosen.model}, so there is no difference."
                )
            row["training_seconds"] = run.seconds["training"]
            table.append({**row, "warnings": self._warnings[run.model]})
        return table


def compare(
    config: Config,
    others: Sequence[Config],
    times: PhaseTimes,
    run: Callable[..., dict[str, Any]],
) -> dict[str, Any]:
    """Train the chosen model, then the others, and print one table.

    The result of the chosen model is complete before the next model starts. A model that fails is
    reported, and the others are trained.

    Args:
        config: Configuration of the chosen model.
        others: Those of the models to compare with.
        times: Seconds by phase of the chosen model so far.
        run: Trains and tests a model, and adds it to the scores; called as
            ``run(config, times, scores=scores)``.

    Returns:
        The chosen model's result, with ``comparison``: :meth:`TestScores.table`.

    Raises:
        ValueError: A model to compare with could not be trained; the table and the files of the
            others have been written.
    """
    logger = getLogger()
    failed = []
    with _temporary_folder() as folder:
        scores = TestScores(folder, config)
        result = run(config, times, scores=scores)
        for number, other in enumerate(others, start=1):
            _release_memory()
            logger.info(f"compare: {other.model}, model {number} of {len(others)}")
            logger.info(other)
            try:
                with naming_model(other.model), other.naming_places():
                    run(other, PhaseTimes(), scores=scores)
            except Exception as error:
                logger.debug("compare: %s", other.model, exc_info=True)
                failed.append(f"compare: {other.model} could not be trained: {error}")
        _release_memory()
        logger.info("compare: intervals over the test users")
        result["comparison"] = scores.table()
    report.print_comparison(config, result["comparison"])
    if config["result_json"]:
        report.add_to_json(Path(config["result_json"]), "comparison", result["comparison"])
    if failed:
        raise ValueError("\n".join(failed))
    return result


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Make a folder that only this user reads; those of killed runs are removed."""
    parent = Path(gettempdir())
    remove_abandoned(parent, _FOLDER)
    folder = staging_path(parent / _FOLDER)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _release_memory() -> None:
    """Free the last model: its optimiser and trainer refer to each other."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

"""RecBole's trainer, with metrics per scenario and checkpoints that are complete or not there."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import recbole.utils
import torch
from recbole.evaluator.collector import DataStruct
from recbole.trainer import Trainer
from recbole.utils import EvaluatorType, ModelType

from recbole_llm4msr import compat
from recbole_llm4msr.evaluation import ScenarioCollector, ScenarioEvaluator


class ScenarioTrainerMixin:
    """What stands in front of a RecBole trainer class to make it report scenarios.

    Ranking metrics (full sort) are left to RecBole: they have no label per row.
    """

    def __init__(self, config, model: torch.nn.Module) -> None:
        super().__init__(config, model)
        self.by_scenario = config["eval_type"] == EvaluatorType.VALUE
        if self.by_scenario:
            self.eval_collector = ScenarioCollector(config)

    def evaluate(self, eval_data, *args: Any, **kwargs: Any) -> dict[str, float] | None:
        """RecBole's evaluation, with a key per scenario; see :class:`ScenarioEvaluator`."""
        if self.by_scenario and eval_data:
            scenarios = getattr(eval_data.dataset, "scenario_tokens", [])
            if getattr(self.evaluator, "scenarios", None) != scenarios:
                self.evaluator = ScenarioEvaluator(self.config, scenarios)
        return super().evaluate(eval_data, *args, **kwargs)

    @torch.no_grad()
    def predict_rows(self, eval_data) -> DataStruct:
        """Score every row of a split with the model as it is now."""
        self.model.eval()
        collector = ScenarioCollector(self.config)
        for batch in eval_data:
            interaction, scores, positive_u, positive_i = self._neg_sample_batch_eval(batch)
            collector.eval_batch_collect(scores, interaction, positive_u, positive_i)
        return collector.get_data_struct()

    def _valid_epoch(self, valid_data, show_progress: bool = False) -> tuple[float, dict]:
        score, result = super()._valid_epoch(valid_data, show_progress)
        if math.isnan(score):
            # NaN is never better than anything, so that no checkpoint would ever be kept.
            self.logger.warning("%s cannot be computed here (one class only)", self.valid_metric)
            score = -math.inf if self.valid_metric_bigger else math.inf
        # A plain float, so that the checkpoint holds no numpy object.
        return float(score), result

    def _save_checkpoint(self, epoch: int, verbose: bool = True, **kwargs: Any) -> None:
        final = Path(kwargs.pop("saved_model_file", self.saved_model_file))
        temporary = final.with_name(f".{final.name}.{os.getpid()}")
        try:
            super()._save_checkpoint(epoch, verbose=False, saved_model_file=temporary, **kwargs)
            if temporary.exists():  # only the first process of a distributed run writes
                temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
        if verbose:
            self.logger.info("Saving current: %s", final)

    def resume_checkpoint(self, resume_file: str | Path) -> None:
        """RecBole's resumption, after the file has been checked.

        Raises:
            FileNotFoundError, CheckpointError: It is no checkpoint, or not only one.
        """
        compat.load_checkpoint(resume_file)
        super().resume_checkpoint(resume_file)


class MultiScenarioTrainer(ScenarioTrainerMixin, Trainer):
    """The trainer of every multi-scenario model."""


@cache
def _with_scenarios(trainer: type[Trainer]) -> type[Trainer]:
    """RecBole's trainer class of a model, with metrics per scenario."""
    if trainer is Trainer:
        return MultiScenarioTrainer
    return type(trainer.__name__, (ScenarioTrainerMixin, trainer), {"__module__": __name__})


def get_trainer(model_type: ModelType, model_name: str) -> type[Trainer]:
    """The trainer class of a model: RecBole's choice, with metrics per scenario for CTR models."""
    trainer = recbole.utils.get_trainer(model_type, model_name)
    if model_type != ModelType.CONTEXT or issubclass(trainer, ScenarioTrainerMixin):
        return trainer
    return _with_scenarios(trainer)

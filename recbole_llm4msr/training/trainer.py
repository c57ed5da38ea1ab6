"""RecBole's trainer, with metrics per scenario."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from functools import cache
from typing import Any

import recbole.utils
import torch
from recbole.evaluator.collector import DataStruct
from recbole.trainer import Trainer
from recbole.utils import EvaluatorType, ModelType
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from tqdm import tqdm

from recbole_llm4msr.evaluation import MEAN, ScenarioCollector, ScenarioEvaluator, metric_key
from recbole_llm4msr.model import LLM4MSR
from recbole_llm4msr.training.checkpoint import CheckpointMixin
from recbole_llm4msr.training.gradient_averaging import GradientAveraging
from recbole_llm4msr.training.optim.hybrid import (
    HybridOptimizer,
    check_choice,
    fuse,
    hybrid,
    make_tables_sparse,
)
from recbole_llm4msr.training.optim.meta_weight_decay import decay_before_steps


class ScenarioTrainerMixin(CheckpointMixin):
    """Mixin for RecBole trainers: metrics per scenario, atomic checkpoints, sparse tables.

    Ranking metrics are RecBole's, over all rows.
    """

    def __init__(self, config, model: torch.nn.Module) -> None:
        super().__init__(config, model)
        self.valid_metric = metric_key(config["valid_metric"])  # RecBole's keys are lower case
        self.valid_curve: list[float] = []  # valid_metric at each evaluation while training
        if config["torch_compile"]:
            model.forward = compiled(model.forward, self.device)
        self.by_scenario = config["eval_type"] == EvaluatorType.VALUE
        if self.by_scenario:
            self.eval_collector = ScenarioCollector(config)

    def fit(self, train_data, *args: Any, **kwargs: Any) -> tuple[float, dict]:
        """RecBole's training, after ``valid_metric`` has been checked.

        Raises:
            ValueError: ``valid_metric`` names a scenario that the data set does not have.
        """
        _, _, scenario = self.valid_metric.partition("@")
        if self.by_scenario and scenario:
            known = [*getattr(train_data.dataset, "scenario_tokens", []), MEAN]
            if scenario not in known:
                raise ValueError(
                    f"valid_metric: there is no scenario {scenario!r}, only {', '.join(known)}"
                )
        return super().fit(train_data, *args, **kwargs)

    def _build_optimizer(self, **kwargs: Any) -> Optimizer | HybridOptimizer:
        """RecBole's optimiser; with sparse tables, a second optimiser for these."""
        choice = self._embedding_optimizer()
        tables = make_tables_sparse(self.model, choice) if "params" not in kwargs else []
        rate = self.config["embedding_learning_rate"]
        if rate and not tables and "params" not in kwargs:
            raise ValueError(
                "embedding_learning_rate needs a sparse `embedding_optimizer`; here no table is "
                "sparse"
            )
        if not tables:
            return self._dense(super()._build_optimizer(**kwargs))
        if self.weight_decay:
            self.logger.warning("weight_decay does not apply to the embeddings: they are sparse.")
        sparse = {id(table.weight) for table in tables}
        rest = [p for p in self.model.parameters() if id(p) not in sparse]
        dense = self._dense(super()._build_optimizer(params=rest, **kwargs))
        return hybrid(dense, tables, choice, rate or self.learning_rate)

    def _dense(self, optimizer: Optimizer) -> Optimizer:
        """Apply the options of the optimiser of dense parameters."""
        if self.config["fused_optimizer"]:
            optimizer = fuse(optimizer, self.device)
        decay = self.config["meta_weight_decay"]
        if decay and isinstance(self.model, LLM4MSR):
            decay_before_steps(optimizer, self.model.meta_parameters(), decay)
        return optimizer

    def _embedding_optimizer(self) -> str:
        """The option; ``auto`` means ``dense`` where sparse tables would change the results."""
        choice = self.config["embedding_optimizer"] or "dense"
        needs_dense = self.clip_grad_norm or self.weight_decay or self.learner.lower() != "adam"
        if choice == "auto" and needs_dense:
            choice = "dense"
        if choice != "dense" and self.clip_grad_norm:
            raise ValueError("clip_grad_norm needs `embedding_optimizer: dense`")
        return choice

    def _train_epoch(
        self,
        train_data,
        epoch_idx: int,
        loss_func: Callable | None = None,
        show_progress: bool = False,
    ) -> float:
        """Train one epoch; returns the sum of the losses of its batches.

        Unlike RecBole's, a step does not wait for the device: losses are summed there, and checked
        for NaN every ``nan_check_interval`` steps and at the end.
        """
        self.model.train()
        loss_func = loss_func or self.model.calculate_loss
        if self.distributed and train_data.shuffle:
            train_data.sampler.set_epoch(epoch_idx)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.enable_scaler)
        dtype = getattr(torch, self.config["amp_dtype"])
        total = torch.zeros((), device=self.device)
        batches = tqdm(
            train_data, f"Train {epoch_idx:>5}", len(train_data), disable=not show_progress
        )
        for step, interaction in enumerate(batches, start=1):
            interaction = interaction.to(self.device)
            self.optimizer.zero_grad()
            with torch.autocast(self.device.type, dtype, enabled=self.enable_amp):
                losses = loss_func(interaction)
            loss = sum(losses) if isinstance(losses, tuple) else losses
            scaler.scale(loss).backward()
            if self.distributed:
                self.average_gradients()
            if self.clip_grad_norm:
                scaler.unscale_(self.optimizer)  # the limit holds for unscaled gradients
                clip_grad_norm_(self.model.parameters(), **self.clip_grad_norm)
            scaler.step(self.optimizer)
            scaler.update()
            total += loss.detach()
            if step % self.config["nan_check_interval"] == 0:
                self._check_nan(total)
        self._check_nan(total)
        if isinstance(self.optimizer, HybridOptimizer):
            self.optimizer.settle()
        if self.distributed:
            self.average_statistics()
        return total.item()

    def evaluate(self, eval_data, *args: Any, **kwargs: Any) -> dict[str, float] | None:
        """RecBole's evaluation, with a key per scenario; see :class:`ScenarioEvaluator`."""
        if self.by_scenario and eval_data:
            self.eval_collector.total_rows = eval_data.sample_size if self.distributed else None
            scenarios = getattr(eval_data.dataset, "scenario_tokens", [])
            if getattr(self.evaluator, "scenarios", None) != scenarios:
                self.evaluator = ScenarioEvaluator(self.config, scenarios)
        return super().evaluate(eval_data, *args, **kwargs)

    @torch.no_grad()
    def predict_rows(self, eval_data) -> DataStruct:
        """Score every row of a split with the current model; rows are in the split's order.

        In a distributed run all processes must call it, and each gets all rows.
        """
        self.model.eval()
        collector = ScenarioCollector(self.config)
        collector.total_rows = eval_data.sample_size if self.distributed else None
        for batch in eval_data:
            interaction, scores, positive_u, positive_i = self._neg_sample_batch_eval(batch)
            collector.eval_batch_collect(scores, interaction, positive_u, positive_i)
        rows = collector.get_data_struct()
        order = getattr(eval_data, "order", None)
        if order is not None:
            for key in filter(rows.__contains__, collector.keys):
                values = rows.get(key)
                rows.set(key, torch.empty_like(values).index_copy_(0, order, values))
        return rows

    def _map_reduce(self, result: dict[str, float], num_sample: int) -> dict[str, float]:
        """Skip RecBole's mean over processes: every process has the metrics of all rows."""
        return result if self.by_scenario else super()._map_reduce(result, num_sample)

    def _valid_epoch(self, valid_data, show_progress: bool = False) -> tuple[float, dict]:
        score, result = super()._valid_epoch(valid_data, show_progress)
        if math.isnan(score):
            # NaN never compares as better, so no checkpoint would be written.
            self.logger.warning("%s cannot be computed here (one class only)", self.valid_metric)
            score = -math.inf if self.valid_metric_bigger else math.inf
        self.valid_curve.append(float(score))
        # A plain float, so that the checkpoint holds no numpy object.
        return float(score), result

    def _check_resumed(self, checkpoint: dict[str, Any]) -> None:
        """Check the optimiser of a checkpoint.

        Raises:
            ValueError: Its embedding tables were trained by another optimiser.
        """
        check_choice(self.optimizer, checkpoint["optimizer"])


def compiled(forward: Callable, device: torch.device) -> Callable:
    """Compile a forward pass for batches of any size; the first call of each kind is slow.

    Raises:
        ValueError: The device is a CPU, and there is no C++ compiler.
    """
    compilers = [os.environ.get("CXX"), "g++", "clang++", "c++"]
    if device.type == "cpu" and not any(shutil.which(name) for name in filter(None, compilers)):
        raise ValueError(
            "torch_compile: there is no C++ compiler here; install g++, or set it to False"
        )
    return torch.compile(forward, dynamic=True)


class MultiScenarioTrainer(ScenarioTrainerMixin, Trainer, GradientAveraging):
    """The trainer of every multi-scenario model."""


@cache
def _extended(trainer: type[Trainer], with_scenarios: bool) -> type[Trainer]:
    """RecBole's trainer class of a model with our checkpoints, and metrics per scenario."""
    if with_scenarios and trainer is Trainer:
        return MultiScenarioTrainer
    ours = (ScenarioTrainerMixin,) if with_scenarios else (CheckpointMixin,)
    averaging = (GradientAveraging,) if with_scenarios else ()
    return type(trainer.__name__, (*ours, trainer, *averaging), {"__module__": __name__})


def get_trainer(model_type: ModelType, model_name: str) -> type[Trainer]:
    """The trainer class of a model: RecBole's choice, with our checkpoints.

    For CTR models it has metrics per scenario. RecBole's tree models are left to RecBole.
    """
    trainer = recbole.utils.get_trainer(model_type, model_name)
    if issubclass(trainer, CheckpointMixin) or not issubclass(trainer, Trainer):
        return trainer
    return _extended(trainer, model_type == ModelType.CONTEXT)

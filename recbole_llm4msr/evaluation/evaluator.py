"""Metrics over all rows, per scenario, and their mean over the scenarios."""

from __future__ import annotations

import math
from collections import OrderedDict
from logging import getLogger

import torch
from recbole.evaluator.collector import DataStruct
from recbole.evaluator.evaluator import Evaluator

from recbole_llm4msr.evaluation.metrics import GAUC

#: After the name of a metric: the mean over the scenarios that have it.
MEAN = "mean"


class ScenarioEvaluator(Evaluator):
    """RecBole's evaluator, run over all rows and over every scenario's rows.

    The result has every metric's own key (``auc``), one a scenario (``auc@<scenario>``, named by
    the raw token) and ``auc@mean``. A scenario whose rows all have one label has no AUC: its value
    is NaN, it is named in the log and left out of the mean.

    Args:
        config: Configuration; reads ``metrics`` and ``metric_decimal_place``.
        scenarios: Raw tokens of the scenarios in id order; empty leaves only the overall metrics.
    """

    def __init__(self, config, scenarios: list[str]) -> None:
        super().__init__(config)
        if "gauc" in self.metric_class:
            self.metric_class["gauc"] = GAUC(config)
        self.scenarios = scenarios
        self.decimal_place: int = config["metric_decimal_place"]
        self._said: set[str] = set()

    def evaluate(self, dataobject: DataStruct) -> OrderedDict[str, float]:
        """All metrics of the collected rows: overall first, then per scenario, then the means."""
        if len(dataobject.get("data.label")) > 1:
            result = self._plain(super().evaluate(dataobject))
        else:
            result = self._of_rows(dataobject, slice(None), "The split")
        if not self.scenarios:
            return result
        overall = list(result)
        of_scenario = dataobject.get("data.scenario")
        for i, name in enumerate(self.scenarios, start=1):
            own = self._of_rows(dataobject, of_scenario == i, f"Scenario {name}")
            for metric, value in own.items():
                result[f"{metric}@{name}"] = value
        for metric in overall:
            values = [result.get(f"{metric}@{name}", math.nan) for name in self.scenarios]
            values = [value for value in values if not math.isnan(value)]
            mean = sum(values) / len(values) if values else math.nan
            result[f"{metric}@{MEAN}"] = round(mean, self.decimal_place)
        return result

    def _of_rows(
        self, struct: DataStruct, mask: torch.Tensor | slice, name: str
    ) -> dict[str, float]:
        """Metrics of some of the rows; NaN for what one class, or no row, cannot have."""
        part = DataStruct()
        for key in ("rec.score", "data.label", "data.user"):
            rows = struct.get(key)[mask]
            # RecBole's LogLoss fails on one row; the mean over it and itself is the same.
            part.set(key, rows.repeat(2) if len(rows) == 1 else rows)
        labels = part.get("data.label")
        if len(labels) and labels.min() != labels.max():
            return self._plain(super().evaluate(part))
        if name not in self._said:
            self._said.add(name)
            kind = f"only the label {labels[0]:.0f}" if len(labels) else "no rows"
            getLogger().warning(
                "%s has %s here: no AUC, and nothing of it in the mean.", name, kind
            )
        values = dict.fromkeys(self.metrics, math.nan)
        for metric in set(self.metrics) - {"auc", "gauc"} if len(labels) else ():
            values.update(self.metric_class[metric].calculate_metric(part))
        return self._plain(values)

    @staticmethod
    def _plain(values: dict[str, float]) -> OrderedDict[str, float]:
        """RecBole's numpy numbers as Python's, so that results print and pickle as numbers."""
        return OrderedDict((key, float(value)) for key, value in values.items())

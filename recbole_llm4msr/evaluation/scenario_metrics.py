"""Metrics over all rows, per scenario, and their mean over the scenarios."""

from __future__ import annotations

import math
from collections import OrderedDict
from logging import getLogger

import torch
from recbole.evaluator.collector import DataStruct
from recbole.evaluator.evaluator import Evaluator

from recbole_llm4msr.evaluation.metrics import GAUC

#: In place of a scenario in a key (``auc@mean``): the mean over the scenarios with that metric.
MEAN = "mean"

#: Most scenarios that a warning names.
_LISTED = 5


class ScenarioEvaluator(Evaluator):
    """RecBole's evaluator, applied to all rows and to the rows of each scenario.

    The result has a key for every metric (``auc``), one per scenario (``auc@<scenario>``, the raw
    token) and the mean over scenarios (``auc@mean``). A scenario whose rows all have one label has
    no AUC: its value is NaN, it is named in the log and left out of the mean.

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
        self._warned: set[str | None] = set()
        self._undefined: dict[str, list[str | None]] = {}  # of this evaluation, by reason

    def evaluate(self, dataobject: DataStruct) -> OrderedDict[str, float]:
        """Return all metrics of the collected rows: overall, then per scenario, then the means."""
        if len(dataobject.get("data.label")) > 1:
            result = self._as_floats(super().evaluate(dataobject))
        else:
            result = self._evaluate_rows(dataobject, slice(None), None)
        if not self.scenarios:
            self._warn_of_undefined()
            return result
        overall = list(result)
        scenario_of_row = dataobject.get("data.scenario")
        for i, name in enumerate(self.scenarios, start=1):
            metrics = self._evaluate_rows(dataobject, scenario_of_row == i, name)
            for metric, value in metrics.items():
                result[f"{metric}@{name}"] = value
        self._warn_of_undefined()
        for metric in overall:
            values = [result.get(f"{metric}@{name}", math.nan) for name in self.scenarios]
            values = [value for value in values if not math.isnan(value)]
            mean = sum(values) / len(values) if values else math.nan
            result[f"{metric}@{MEAN}"] = round(mean, self.decimal_place)
        return result

    def _evaluate_rows(
        self, struct: DataStruct, mask: torch.Tensor | slice, name: str | None
    ) -> dict[str, float]:
        """Metrics of some of the rows; NaN for AUC with one class, and for all without rows."""
        part = DataStruct()
        for key in ("rec.score", "data.label", "data.user"):
            rows = struct.get(key)[mask]
            # RecBole's LogLoss fails on one row; twice the row has the same mean.
            part.set(key, rows.repeat(2) if len(rows) == 1 else rows)
        labels = part.get("data.label")
        if len(labels) and labels.min() != labels.max():
            return self._as_floats(super().evaluate(part))
        if name not in self._warned:
            self._warned.add(name)
            kind = f"only the label {labels[0]:.0f}" if len(labels) else "no rows"
            self._undefined.setdefault(kind, []).append(name)
        values = dict.fromkeys(self.metrics, math.nan)
        for metric in set(self.metrics) - {"auc", "gauc"} if len(labels) else ():
            values.update(self.metric_class[metric].calculate_metric(part))
        return self._as_floats(values)

    def _warn_of_undefined(self) -> None:
        """Warn of the scenarios without an AUC, a line for each reason however many there are."""
        for kind, names in self._undefined.items():
            whole = ["The split"] if None in names else []
            scenarios = [f"Scenario {name}" for name in names if name is not None]
            listed = [*whole, *scenarios][:_LISTED]
            more = len(whole) + len(scenarios) - len(listed)
            subject = ", ".join(listed) + (f" and {more} more" if more else "")
            verb = "has" if len(listed) == 1 and not more else "have"
            getLogger().warning(
                "%s %s %s here: no AUC, and nothing of it in the mean.", subject, verb, kind
            )
        self._undefined.clear()

    @staticmethod
    def _as_floats(values: dict[str, float]) -> OrderedDict[str, float]:
        """Convert RecBole's numpy numbers to floats, which print and pickle as numbers."""
        return OrderedDict((key, float(value)) for key, value in values.items())

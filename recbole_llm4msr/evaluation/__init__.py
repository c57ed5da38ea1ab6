"""Metrics per scenario, and what they are computed from."""

from recbole_llm4msr.evaluation.collector import ScenarioCollector
from recbole_llm4msr.evaluation.metrics import GAUC, gauc, metric_key
from recbole_llm4msr.evaluation.predictions import save_predictions
from recbole_llm4msr.evaluation.scenario_metrics import MEAN, ScenarioEvaluator

__all__ = [
    "GAUC",
    "MEAN",
    "ScenarioCollector",
    "ScenarioEvaluator",
    "gauc",
    "metric_key",
    "save_predictions",
]

"""Metrics per scenario, and what they are computed from."""

from recbole_llm4msr.evaluation.collector import ScenarioCollector
from recbole_llm4msr.evaluation.evaluator import ScenarioEvaluator
from recbole_llm4msr.evaluation.metrics import GAUC, gauc
from recbole_llm4msr.evaluation.predictions import save_predictions

__all__ = ["GAUC", "ScenarioCollector", "ScenarioEvaluator", "gauc", "save_predictions"]

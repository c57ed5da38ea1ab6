"""How certain a difference is."""

from __future__ import annotations

from recbole.evaluator import smaller_metrics


def metric_bigger(metric: str) -> bool:
    """Whether more of a metric is better; ``@<scenario>`` changes nothing."""
    return metric.split("@")[0].lower() not in smaller_metrics

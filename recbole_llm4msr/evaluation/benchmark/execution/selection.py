"""Choice of the best trial by its validation score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recbole_llm4msr.evaluation.benchmark.execution.records import Run


def validation_score(run: Run, metric: str, higher_is_better: bool) -> float | None:
    """Return a trial's validation score, negated if lower is better; ``None`` if not computable.

    Raises:
        ValueError: The trial did not measure that metric.
    """
    if metric not in run.valid:
        measured = ", ".join(key for key in run.valid if "@" not in key)
        raise ValueError(
            f"{run.run}: the trials did not measure {metric}, by which they are judged, only "
            f"{measured}; set valid_metric in the study or as an option"
        )
    value = run.valid[metric]
    return value if value is None or higher_is_better else -value


def best_trial(runs: Sequence[Run], metric: str, higher_is_better: bool) -> Run:
    """Return the trial with the best validation score; the first of equals.

    Raises:
        ValueError: No trial has that metric.
    """
    scores = [validation_score(run, metric, higher_is_better) for run in runs]
    if all(value is None for value in scores):
        raise ValueError(f"{runs[0].run}: {metric} could not be computed in any trial")
    return runs[int(np.argmax([-np.inf if value is None else value for value in scores]))]

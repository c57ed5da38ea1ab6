"""Equal tuning for all: the same trials for every model, chosen from by validation alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from recbole_llm4msr.evaluation.benchmark.records import Run


def trials(space: Mapping[str, Sequence], budget: int, seed: int) -> list[dict[str, Any]]:
    """Settings to try: ``budget`` different points of a grid, drawn at random.

    Every entry of a study gets the same points, so that none is searched with more luck. A grid
    that is no larger than the budget is searched whole.

    Args:
        space: Values by key.
        budget: Number of trials.
        seed: Seed of the draw.
    """
    sizes = [len(values) for values in space.values()]
    n_points = prod(sizes)
    if n_points <= budget:
        return [dict(zip(space, point, strict=True)) for point in product(*space.values())]
    drawn = np.random.default_rng(seed).choice(n_points, budget, replace=False)
    places = zip(*np.unravel_index(np.sort(drawn), sizes), strict=True)
    return [
        {key: values[i] for (key, values), i in zip(space.items(), place, strict=True)}
        for place in places
    ]


def score(run: Run, metric: str, bigger: bool) -> float | None:
    """A trial's validation score, more being better; ``None`` where it cannot be computed.

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
    return value if value is None or bigger else -value


def best(runs: Sequence[Run], metric: str, bigger: bool) -> Run:
    """The trial with the best validation score; the first of equals.

    Raises:
        ValueError: No trial has that metric.
    """
    scores = [score(run, metric, bigger) for run in runs]
    if all(value is None for value in scores):
        raise ValueError(f"{runs[0].run}: {metric} could not be computed in any trial")
    return runs[int(np.argmax([-np.inf if value is None else value for value in scores]))]

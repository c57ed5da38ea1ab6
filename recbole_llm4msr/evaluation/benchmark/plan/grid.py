"""Points of a search grid: the same trials for every model of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np


def grid_points(space: Mapping[str, Sequence], budget: int, seed: int) -> list[dict[str, Any]]:
    """Draw ``budget`` different points of a grid at random; all points if there are no more.

    The same seed draws the same points, so that every entry of a study tries the same settings.

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
    indices = zip(*np.unravel_index(np.sort(drawn), sizes), strict=True)
    return [
        {key: values[i] for (key, values), i in zip(space.items(), point, strict=True)}
        for point in indices
    ]

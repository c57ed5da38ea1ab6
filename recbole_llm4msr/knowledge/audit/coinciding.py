"""Count vectors that coincide although their prompts differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recbole_llm4msr.knowledge.vectors.compress import unit

#: Vectors of length one that differ by less in every component differ by rounding only.
_ROUNDING = 2e-4


def coinciding(vectors: np.ndarray, prompts: Sequence[str]) -> int:
    """Count the prompts whose vector is also that of a different prompt.

    Args:
        vectors: Hidden states of the prompts, (n, d).
        prompts: The prompts, n of them; equal ones are counted once.
    """
    distinct, first = np.unique(np.asarray(prompts, dtype=object), return_index=True)
    normal = unit(vectors[first])
    if len(distinct) < 2:
        return 0
    # Equal vectors have equal projections, so that they are neighbours in the order of these.
    direction = np.random.default_rng(0).normal(size=normal.shape[1])
    order = np.argsort(normal @ direction, kind="stable")
    apart = np.abs(np.diff(normal[order], axis=0)).max(axis=1, initial=0.0)
    same = apart < _ROUNDING
    return int((np.append(same, False) | np.insert(same, 0, False)).sum())

"""How prompts of different lengths are put into batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def plan_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch, longest prompts first, padded size within the budget.

    Sorting brings prompts of like length together, so that hardly anything is padding; the
    longest come first, so that what does not fit in memory fails at once and the time left is
    never underrated.

    Args:
        lengths: Tokens of every prompt, shape (n,).
        budget: Most tokens of a batch, padding included; a longer prompt goes alone.
    """
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        longest = max(1, int(lengths[order[at]]))
        size = max(1, budget // longest)
        yield order[at : at + size]
        at += size


def plan_chunks(lengths: np.ndarray, tokens: int) -> Iterator[slice]:
    """Yield consecutive slices of prompts of about ``tokens`` tokens each, one at least.

    The cut depends only on what follows it, so that a build that goes on behind its finished
    chunks cuts the rest where the first run would have cut it.
    """
    start, total = 0, 0
    for at, length in enumerate(lengths.tolist()):
        if at > start and total + length > tokens:
            yield slice(start, at)
            start, total = at, 0
        total += length
    if start < len(lengths):
        yield slice(start, len(lengths))

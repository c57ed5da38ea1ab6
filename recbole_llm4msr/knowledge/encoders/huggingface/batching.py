"""Group prompts of different lengths into batches and chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch


def plan_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch, longest prompts first, padded size within the budget.

    Prompts are sorted by length, so that a batch has little padding. The longest come first, so
    that a batch that does not fit in memory fails at once and the estimated time left is never too
    short.

    Args:
        lengths: Tokens of every prompt, shape (n,).
        budget: Most tokens of a batch, padding included; a longer prompt gets a batch of its own.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        size = max(1, budget // longest)
        yield order[start : start + size]
        start += size


def plan_chunks(lengths: np.ndarray, tokens: int) -> Iterator[slice]:
    """Yield consecutive slices of prompts of about ``tokens`` tokens each, one at least.

    Chunk boundaries depend only on the prompts of the chunk, so that a resumed build cuts the
    remaining prompts where the first run would have cut them.
    """
    start, total = 0, 0
    for row, length in enumerate(lengths.tolist()):
        if row > start and total + length > tokens:
            yield slice(start, row)
            start, total = row, 0
        total += length
    if start < len(lengths):
        yield slice(start, len(lengths))


def default_budget(device: torch.device, prefills_decoder: bool) -> int:
    """Return the default tokens of a batch, measured in benchmarks/knowledge.md.

    On a CPU a decoder's prompts go one by one: a batch would only add padding.
    """
    if device.type == "cuda":
        return 32768
    return 128 if prefills_decoder else 3072

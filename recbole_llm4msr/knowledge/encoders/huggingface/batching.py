"""Group prompts of different lengths into batches and chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

WIDTH_STEP = 64  # a batch of a fixed shape is a multiple of this wide


class FixedBatch(NamedTuple):
    """Rows of a batch, the length they are padded to, and the number of rows to fill it up to."""

    rows: np.ndarray
    width: int
    size: int


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


def plan_fixed_shapes(lengths: np.ndarray, answer: int, budget: int) -> Iterator[FixedBatch]:
    """Yield batches whose shape depends on the length of each of their prompts alone.

    In half precision a matrix product of another shape is rounded in another way, and one other
    token makes another answer. So a prompt is padded to a length that follows from its own, with
    one column of padding at least (without any, attention would run without a mask), and a batch of
    that length always has the same number of rows.

    Args:
        lengths: Tokens of every prompt, shape (n,).
        answer: Most tokens of an answer.
        budget: Most tokens of a batch, padding and answers included.
    """
    widths = (lengths // WIDTH_STEP + 1) * WIDTH_STEP
    for width in np.unique(widths)[::-1].tolist():
        rows = np.flatnonzero(widths == width)
        size = max(1, budget // (width + answer))
        for start in range(0, len(rows), size):
            yield FixedBatch(rows[start : start + size], width, size)


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

"""Shuffle rows in blocks of one user (``user_block_size``), so that a batch has fewer users."""

from __future__ import annotations

import torch


def in_blocks(
    order: torch.Tensor, key: torch.Tensor, size: int, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Reorder a random permutation into blocks of rows with one key, in random order of the blocks.

    Args:
        order: A permutation of the rows, shape ``(n,)``; determines which rows share a block.
        key: Key of every row (its user), shape ``(n,)``.
        size: Rows of a block. The rest of a key's rows forms a smaller block.
        generator: Random numbers for the order of the blocks.

    Returns:
        A permutation of the rows, shape ``(n,)``.
    """
    key, by_key = torch.sort(key[order], stable=True)
    order = order[by_key]
    counts = torch.unique_consecutive(key, return_counts=True)[1]
    first = counts.cumsum(0) - counts  # position of a key's first row
    rank = torch.arange(len(order)) - first.repeat_interleave(counts)
    starts = (rank % size == 0).nonzero().squeeze(1)
    lengths = torch.diff(starts, append=starts.new_tensor([len(order)]))
    shuffled = torch.randperm(len(starts), generator=generator)
    starts, lengths = starts[shuffled], lengths[shuffled]
    before = lengths.cumsum(0) - lengths  # number of rows in earlier blocks
    return order[torch.arange(len(order)) + (starts - before).repeat_interleave(lengths)]

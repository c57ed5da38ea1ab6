"""Batches and chunks of prompts by their lengths."""

import numpy as np

from recbole_llm4msr.knowledge.encoders.huggingface.batching import (
    plan_batches,
    plan_chunks,
    plan_fixed_shapes,
)


def test_batches_hold_every_row_once_within_the_budget():
    lengths = np.random.default_rng(0).integers(1, 90, size=500)
    batches = list(plan_batches(lengths, 200))
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert all(len(b) * lengths[b].max() <= 200 for b in batches)
    assert [len(b) for b in plan_batches(np.array([300, 10]), 200)] == [1, 1]


def test_chunk_boundaries_after_a_finished_chunk_stay():
    lengths = np.sort(np.random.default_rng(1).integers(1, 50, size=300))[::-1]
    chunks = list(plan_chunks(lengths, 256))
    assert all(lengths[c].sum() <= 256 for c in chunks)
    start = chunks[3].stop
    again = list(plan_chunks(lengths[start:], 256))
    assert [(c.start + start, c.stop + start) for c in again] == [
        (c.start, c.stop) for c in chunks[4:]
    ]


def test_a_fixed_shape_follows_from_a_prompts_own_length():
    lengths = np.random.default_rng(2).integers(1, 200, size=100)
    batches = list(plan_fixed_shapes(lengths, 16, 600))
    assert sorted(np.concatenate([batch.rows for batch in batches])) == list(range(100))
    for rows, width, size in batches:
        assert size * (width + 16) <= 600
        assert 1 <= len(rows) <= size
        for row in rows:
            ((_, own_width, own_size),) = plan_fixed_shapes(lengths[row : row + 1], 16, 600)
            assert (own_width, own_size) == (width, size)
            assert 1 <= width - lengths[row] <= 64
    ((_, _, size),) = plan_fixed_shapes(np.array([900]), 16, 600)
    assert size == 1

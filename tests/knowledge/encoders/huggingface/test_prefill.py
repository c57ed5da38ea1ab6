"""Shared prefixes and packing: other layouts, the same vectors."""

import logging

import numpy as np
import pytest
import torch

from recbole_llm4msr.knowledge.encoders.huggingface.prefill import Prefill, cache_argument
from tests.knowledge.encoders.huggingface.pretrained import (
    CLOSE,
    POOLINGS,
    distance,
    encode,
    encoder_of,
)

OPENING = "Home and Garden, Toys: what does this user like? "
ENDINGS = ["null", "red garden roses", "steel kitchen knife; " * 7, "silver necklace", "x"]
PROMPTS = [OPENING + ending for ending in ENDINGS] + ["another opening; green tea tin"]
DTYPES = pytest.mark.parametrize("dtype", ["float32", "bfloat16"])


@POOLINGS
@DTYPES
def test_a_shared_prefix_changes_nothing(qwen, pooling, dtype):
    keys = {"knowledge_pooling": pooling, "knowledge_dtype": dtype}
    plain = encoder_of(qwen, **keys)
    single = np.concatenate([encode(plain, [p]) for p in PROMPTS])
    sharing = encoder_of(qwen, **keys)
    sharing.prepare(PROMPTS[:-1])
    assert len(sharing.prefix) > 10
    assert len(sharing.prefix) < min(map(len, sharing.tokenise(PROMPTS[:-1]).ids))
    shared = encode(sharing, PROMPTS)
    assert sharing.runner.prefix == sharing.prefix  # its own check did not turn it off
    assert distance(single, shared).max() < CLOSE[dtype]
    if dtype == "float32":
        np.testing.assert_allclose(shared, single, atol=1e-5 * np.abs(single).max())


def test_a_shared_prefix_can_be_switched_off(qwen):
    encoder = encoder_of(qwen, knowledge_share_prefix=False)
    encoder.prepare(PROMPTS)
    assert encoder.prefix == []


def test_a_cache_that_cannot_be_shared_turns_sharing_off(qwen, caplog, monkeypatch):
    plain = encode(encoder_of(qwen, knowledge_dtype="float32"), PROMPTS)
    encoder = encoder_of(qwen, knowledge_dtype="float32")
    encoder.prepare(PROMPTS[:-1])
    wrong = torch.roll(torch.tensor(encoder.prefix), 3).tolist()
    real = Prefill._prefix_cache

    def broken(self):
        kept, self.prefix = self.prefix, wrong
        cache = real(self)
        self.prefix = kept
        return cache

    monkeypatch.setattr(Prefill, "_prefix_cache", broken)
    with caplog.at_level(logging.WARNING):
        found = encode(encoder, PROMPTS)
    assert "without sharing their prefix" in caplog.text
    assert distance(found, plain).max() < 1e-5


@POOLINGS
@DTYPES
def test_packed_prompts_do_not_attend_to_each_other(qwen, pooling, dtype):
    encoder = encoder_of(qwen, knowledge_pooling=pooling, knowledge_dtype=dtype)
    single = np.concatenate([encode(encoder, [p]) for p in PROMPTS])
    packed = Prefill(
        encoder.runner.model, causal=True, pooling=pooling, pad=0, budget=300, packing=True
    )
    found = np.empty_like(single)
    for rows, states in packed.batches(encoder.tokenise(PROMPTS).ids):
        found[rows] = states.numpy()
    assert distance(single, found).max() < CLOSE[dtype]


def _new(self, input_ids=None, *, cache=None, use_cache=None, **kwargs): ...


def _old(self, input_ids=None, past_key_values=None, use_cache=None, **kwargs): ...


def _wrapper(self, *arguments, **kwargs): ...


@pytest.mark.parametrize(
    ("whole", "part", "name"),
    [
        (_new, _old, "cache"),
        (_old, _new, "past_key_values"),
        (_wrapper, _new, "cache"),
        (_wrapper, _old, "past_key_values"),
        (_wrapper, _wrapper, "past_key_values"),
    ],
)
def test_the_cache_is_handed_over_by_the_name_in_the_signature(whole, part, name):
    model = type("Whole", (torch.nn.Module,), {"forward": whole})()
    model.inner = type("Part", (torch.nn.Module,), {"forward": part})()
    assert cache_argument(model) == name


@pytest.mark.parametrize("known", ["cache", "past_key_values"])
def test_a_prefix_is_shared_by_either_name(qwen, known, monkeypatch):
    """As before transformers 5.24 and from 5.40 on: the other name is swallowed unread."""
    encoder = encoder_of(qwen, knowledge_dtype="float32")
    encoder.prepare(PROMPTS[:-1])
    model = encoder.runner.model
    inner, real = model.forward, cache_argument(model)

    def new(input_ids=None, *, cache=None, **others):
        others.pop("past_key_values", None)
        return inner(input_ids=input_ids, **({real: cache} if cache is not None else {}), **others)

    def old(input_ids=None, *, past_key_values=None, **others):
        others.pop("cache", None)
        kept = {real: past_key_values} if past_key_values is not None else {}
        return inner(input_ids=input_ids, **kept, **others)

    monkeypatch.setattr(model, "forward", {"cache": new, "past_key_values": old}[known])
    runner = encoder.runner
    again = Prefill(
        model,
        causal=runner.causal,
        pooling=runner.pooling,
        pad=runner.pad,
        budget=runner.budget,
        prefix=encoder.prefix,
    )
    ids = encoder.tokenise(PROMPTS).ids
    for rows, states in again.batches(ids):
        for row, state in zip(rows, states, strict=True):
            (_, alone), *_ = runner.batches([ids[row]])
            torch.testing.assert_close(state, alone[0], atol=1e-4, rtol=1e-3)
    assert again.prefix == encoder.prefix

"""The item level: neutral at the start, switchable, and what its formula says."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F

from recbole_llm4msr.model.llm4msr.item_meta import ItemMetaNetwork

from .small import perturb
from .test_every_model import close, train_steps


@pytest.fixture
def with_items(small):
    """The small data with knowledge of items too."""
    small = copy.copy(small)
    mine = small.train.knowledge
    small.train.knowledge = copy.copy(mine)
    small.train.knowledge.item = torch.randn(small.train.item_num, 5)
    yield small
    small.train.knowledge = mine


def slow(net: ItemMetaNetwork, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
    """The formula, a row and a number at a time."""

    def encode(encoder, k: torch.Tensor) -> torch.Tensor:
        linear = encoder.encode[0]
        return F.silu(linear.weight @ k + linear.bias)

    logits = []
    for u, i in zip(user, item, strict=True):
        z, v = encode(net.user_encoder, u), encode(net.item_encoder, i)
        r = len(v)
        generated = net.core.weight @ z + net.core.bias
        bias = net.bias.weight @ z + net.bias.bias
        h = [F.silu(sum(generated[a * r + b] * v[b] for b in range(r)) + bias[a]) for a in range(r)]
        logits.append(sum(net.logit.weight[0, a] * h[a] for a in range(r)))
    return torch.stack(logits)


def test_the_item_level_equals_its_formula_row_by_row() -> None:
    torch.manual_seed(0)
    net = perturb(ItemMetaNetwork(6, 5, code_size=4, rank=3, dropout=0.0)).eval()
    user, item = torch.randn(7, 6), torch.randn(7, 5)
    with torch.no_grad():
        assert close(net(user, item), slow(net, user, item))
        assert close(net(user, item)[2:3], net(user[2:3], item[2:3]))


def test_it_starts_neutral_learns_and_can_be_switched_off(with_items) -> None:
    off = with_items.build("LLM4MSR_STAR", use_item_meta=False).eval()
    model = with_items.build("LLM4MSR_STAR").eval()
    assert off.item_meta is None
    assert torch.equal(model(with_items.batch), off(with_items.batch))
    train_steps(model, with_items.batch, 3)
    assert all(p.grad is not None and p.grad.any() for p in model.item_meta.parameters())
    trained = model.eval()(with_items.batch)
    model.item_meta = None
    assert not close(model(with_items.batch), trained)


def test_an_item_without_knowledge_gets_a_finite_logit(with_items) -> None:
    with_items.train.knowledge.item.zero_()
    model = with_items.build("LLM4MSR_STAR")
    train_steps(model, with_items.batch, 2)
    assert model.eval()(with_items.batch).isfinite().all()

"""A batch without rows: no scores, a loss of zero, and nothing that a model remembers is harmed."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch

from recbole_llm4msr.model.llm4msr.generated_weight import generated_weight
from recbole_llm4msr.model.llm4msr.item_meta import ItemMetaNetwork
from recbole_llm4msr.model.llm4msr.scenario_meta import ScenarioMetaNetwork
from recbole_llm4msr.model.llm4msr.user_meta import UserMetaNetwork
from recbole_llm4msr.model.llm4msr.users import BatchUsers

from .cases import MODELS
from .small import SmallData, rows
from .test_every_model import train_steps

PLANS, RANKS = ("rows", "users", "auto"), ("full", "diag", 3)


@pytest.fixture(scope="module")
def with_items(small) -> SmallData:
    """The small data with knowledge of items too."""
    mine = copy.copy(small)
    mine.train = copy.copy(small.train)
    mine.train.knowledge = copy.copy(small.train.knowledge)
    mine.train.knowledge.item = torch.randn(small.train.item_num, 5)
    return mine


def check(model: torch.nn.Module, batch) -> None:
    """An empty batch between two full ones, in training and in evaluation."""
    train_steps(model, batch, 1)
    empty = rows(batch, torch.empty(0, dtype=torch.long))
    for training in (True, False):
        model.train(training).zero_grad()
        before = {key: value.clone() for key, value in model.named_buffers()}
        assert model.predict(empty).shape == (0,)
        loss = model.calculate_loss(empty)
        assert loss.shape == ()
        assert loss.item() == 0
        loss.backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        assert gradients, "no gradient path"
        assert not any(gradient.any() for gradient in gradients)
        for key, value in model.named_buffers():
            assert torch.equal(value, before[key]), key
    with torch.no_grad():
        assert model.predict(empty).shape == (0,)
    train_steps(model, batch, 1)
    with torch.no_grad():
        assert torch.isfinite(model.eval().predict(batch)).all()


@pytest.mark.parametrize("name", MODELS)
def test_every_model(name, small) -> None:
    check(small.build(name), small.batch)


@pytest.mark.parametrize("name", ["LLM4MSR_STAR", "LLM4MSR_DeepFM"])
@pytest.mark.parametrize(("plan", "meta_rank"), itertools.product(PLANS, RANKS))
def test_every_form_of_the_levels(name, plan, meta_rank, with_items) -> None:
    options = {"meta_plan": plan, "meta_rank": meta_rank}
    model = with_items.build(name, **options)
    assert model.item_meta is not None
    check(model, with_items.batch)
    for level in ("use_user_meta", "use_scenario_meta", "use_item_meta"):
        check(with_items.build(name, **options, **{level: False}), with_items.batch)


@pytest.mark.parametrize("by_user", [True, False])
@pytest.mark.parametrize("meta_rank", RANKS)
def test_the_user_level_keeps_the_width_of_no_rows(meta_rank, by_user) -> None:
    users = BatchUsers(torch.empty(0, dtype=torch.long)) if by_user else None
    for plan in PLANS:
        net = UserMetaNetwork(
            7, 12, code_size=5, n_layers=2, meta_rank=meta_rank, dropout=0.0, plan=plan
        )
        for context in (torch.enable_grad(), torch.no_grad()):
            with context:
                assert net(torch.empty(0, 12), torch.empty(0, 7), users).shape == (0, 12)
    weight = generated_weight(meta_rank, 5, 12)
    assert weight(torch.empty(0, 12), torch.empty(0, 5), users).shape == (0, 12)


@pytest.mark.parametrize("by_user", [True, False])
def test_the_item_level_has_no_logits_for_no_rows(by_user) -> None:
    users = BatchUsers(torch.empty(0, dtype=torch.long)) if by_user else None
    net = ItemMetaNetwork(6, 5, code_size=4, rank=3, dropout=0.0)
    net(torch.empty(0, 6), torch.empty(0, 5), users).sum().backward()
    assert net(torch.empty(0, 6), torch.empty(0, 5), users).shape == (0,)
    assert all(p.grad is not None for p in net.parameters())


def test_the_scenario_level_has_a_gradient_for_no_rows() -> None:
    net = ScenarioMetaNetwork(6, 12, code_size=4, hidden_size=3, n_layers=1, dropout=0.0)
    logit = net([torch.empty(0, 12)] * 3, torch.randn(3, 6))
    assert logit.shape == (0,)
    logit.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in net.parameters())

"""Models find what was planted: in scenarios that share, conflict, or have nothing in common."""

from __future__ import annotations

import itertools

import pytest
import torch
from recbole.data.interaction import Interaction

from .cases import BACKBONES, OWN
from .planted import (
    N_ITEMS,
    SEEN_BY_SHARE,
    TASTES,
    Planted,
    auc,
    every_row,
    fit,
    write_interests,
    write_tastes,
)
from .small import SmallData


def ids(data: SmallData, field: str, tokens: list[str]) -> torch.Tensor:
    return torch.tensor([data.train.field2token_id[field][token] for token in tokens])


@pytest.fixture(scope="module")
def tastes(data_folder) -> Planted:
    """Rows to be asked about: every item in every scenario, by one user each."""
    write_tastes(data_folder, "tastes")
    data = SmallData.load(data_folder, "tastes", only_ids=True, split=[1.0, 0.0, 0.0])
    pairs = list(itertools.product(TASTES, range(N_ITEMS)))
    test = Interaction(
        {
            "user_id": torch.ones(len(pairs), dtype=torch.long),
            "item_id": ids(data, "item_id", [f"i{item}" for _, item in pairs]),
            "scenario": ids(data, "scenario", [scenario for scenario, _ in pairs]),
        }
    )
    answer = torch.tensor([TASTES[scenario](item) for scenario, item in pairs])
    return Planted(data, every_row(data), test, answer)


def auc_by_scenario(planted: Planted, scores: torch.Tensor) -> dict[str, float]:
    """AUC in every scenario; in ``share`` on the items that it never showed in training."""
    blocks = zip(TASTES, scores.view(-1, N_ITEMS), planted.answer.view(-1, N_ITEMS), strict=True)
    result = {}
    for scenario, score, answer in blocks:
        new = slice(len(SEEN_BY_SHARE) if scenario == "share" else 0, None)
        result[scenario] = auc(score[new], answer[new])
    return result


def test_the_bound_of_a_model_blind_to_scenarios(tastes):
    """Whatever it says on items: right in one scenario is wrong in the one that conflicts."""
    for seed in range(20):
        by_item = torch.randn(N_ITEMS, generator=torch.Generator().manual_seed(seed))
        found = auc_by_scenario(tastes, by_item.repeat(len(TASTES)))
        assert found["base"] + found["conflict"] == pytest.approx(1)
    mean_taste = tastes.answer.view(-1, N_ITEMS).double().mean(dim=0)
    best = auc_by_scenario(tastes, mean_taste.repeat(len(TASTES)))
    assert min(best.values()) <= 0.5


@pytest.mark.parametrize("name", BACKBONES)
def test_tastes_are_found(name, tastes):
    model = tastes.data.build(name, embedding_size=8)
    fit(model, tastes.train, n_epochs=12)
    with torch.no_grad():
        found = auc_by_scenario(tastes, model.predict(tastes.test))
    assert min(found["base"], found["conflict"], found["unrelated"]) >= 0.9
    assert found["share"] >= 0.8  # 0.5 without what the other scenarios say on these items


@pytest.fixture(scope="module")
def interests(data_folder) -> Planted:
    """Rows to be asked about: every item for users whose rows nobody learns from."""
    write_interests(data_folder, "interests")
    data = SmallData.load(data_folder, "interests", only_ids=True, split=[1.0, 0.0, 0.0])
    every = every_row(data)
    users = data.train.field2id_token["user_id"][every["user_id"].numpy()]
    number = torch.tensor([int(user[1:]) for user in users])
    items = data.train.field2id_token["item_id"][every["item_id"].numpy()]
    is_odd = torch.tensor([int(item[1:]) % 2 for item in items])
    vectors = data.train.knowledge.user
    for token, user_id in data.train.field2token_id["user_id"].items():
        if token.startswith("u"):
            vectors[user_id, 0] = 2.0 if int(token[1:]) % 2 else -2.0
    known, asked = number < 50, number >= 50
    train, test = every[known.nonzero().squeeze(1)], every[asked.nonzero().squeeze(1)]
    return Planted(data, train, test, (number % 2 == is_odd)[asked])


def interest_auc(name: str, planted: Planted) -> float:
    model = planted.data.build(name, embedding_size=8)
    fit(model, planted.train, n_epochs=10)
    with torch.no_grad():
        return auc(model.predict(planted.test), planted.answer)


@pytest.mark.parametrize("name", OWN)
def test_interest_is_found_by_knowledge_and_not_without(name, interests):
    with_knowledge = interest_auc(name, interests)
    without = interest_auc(name.removeprefix("LLM4MSR_"), interests)
    assert without <= 0.6
    assert with_knowledge >= 0.9

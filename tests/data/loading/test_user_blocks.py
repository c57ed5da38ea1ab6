from __future__ import annotations

import pytest
import torch

from recbole_llm4msr import Config, create_dataset, data_preparation
from recbole_llm4msr.data.loading.user_blocks import in_blocks
from recbole_llm4msr.model.llm4msr import KNOWLEDGE_INDEX
from tests.toy import toy_settings
from tests.training.test_trainer import make


def test_rows_of_a_user_stand_together_in_blocks_in_random_order() -> None:
    torch.manual_seed(0)
    users = torch.tensor([7] * 10 + [3] * 4 + [5] + [9] * 3)[torch.randperm(18)]
    orders = [in_blocks(torch.randperm(18), users, 4) for _ in range(300)]
    for order in orders:
        assert torch.equal(order.sort().values, torch.arange(18))
        runs, lengths = torch.unique_consecutive(users[order], return_counts=True)
        for user, rows in ((7, 10), (3, 4), (5, 1), (9, 3)):
            # Neighbouring blocks of one user are one run.
            assert lengths[runs == user].sum() == rows
            assert (lengths[runs == user] % 4 != 0).sum() <= 1
    # Every row comes first, and every pair of a user's rows meets in a block, sooner or later.
    assert {int(order[0]) for order in orders} == set(range(18))
    row, other = (users == 7).nonzero()[:2, 0]
    apart = {int((order == row).nonzero() - (order == other).nonzero()) for order in orders}
    assert min(apart) < -4 and max(apart) > 4 and {-1, 1} <= apart


def test_a_block_of_one_row_is_a_shuffled_order() -> None:
    torch.manual_seed(0)
    users = torch.arange(5).repeat_interleave(40)
    order = in_blocks(torch.randperm(200), users, 1)
    assert (users[order].diff() == 0).float().mean() < 0.3


def epochs(tmp_path, **settings) -> list[list[torch.Tensor]]:
    config = Config("STAR", "toy", None, toy_settings(tmp_path, train_batch_size=32, **settings))
    torch.manual_seed(1)
    train, *_ = data_preparation(config, create_dataset(config))
    return [[batch["user_id"] for batch in train] for _ in range(2)]


def test_batches_have_fewer_users(toy, tmp_path) -> None:
    plain, blocks, again = (epochs(tmp_path, user_block_size=n) for n in (1, 8, 8))
    for one, other in zip(plain, blocks, strict=True):
        assert torch.equal(torch.cat(one).sort().values, torch.cat(other).sort().values)
        users = [sum(len(batch.unique()) for batch in epoch) for epoch in (one, other)]
        assert users[1] < users[0] / 2
    assert not torch.equal(torch.cat(blocks[0]), torch.cat(blocks[1]))
    assert torch.equal(torch.cat(blocks[0]), torch.cat(again[0]))


def test_rows_with_a_knowledge_index_are_grouped_by_it(toy, tmp_path) -> None:
    settings = {"user_block_size": 4, "knowledge": "lsa", "knowledge_folds": 2}
    _, (train, *_) = make(tmp_path, "LLM4MSR_SharedBottom", train_batch_size=4096, **settings)
    (batch,) = train
    alike = [(batch[f].diff() == 0).float().mean() for f in (KNOWLEDGE_INDEX, "user_id")]
    assert alike[0] > 0.5
    assert alike[1] - alike[0] < 0.1


@pytest.mark.parametrize("meta_rank", [2, "full", "diag"])
def test_a_batch_of_blocks_is_scored_as_row_by_row(toy, tmp_path, meta_rank) -> None:
    settings = {"user_block_size": 8, "meta_rank": meta_rank, "knowledge": "random"}
    trainer, (train, *_) = make(tmp_path, "LLM4MSR_SharedBottom", **settings)
    assert trainer._train_epoch(train, 0) > trainer._train_epoch(train, 1)
    model, batch = trainer.model.train(), next(iter(train))
    losses = []
    for plan in ("auto", "rows"):
        model.meta_plan = plan
        losses.append(model.calculate_loss(batch))
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize(
    "settings",
    [{"packed_loader": False}, {"scenario_sampling": "balanced"}, {"shuffle": False}],
)
def test_invalid_user_block_sizes_raise(toy, tmp_path, settings) -> None:
    with pytest.raises(ValueError, match="user_block_size needs shuffled"):
        epochs(tmp_path, user_block_size=4, **settings)
    with pytest.raises(
        ValueError, match=r"user_block_size \(config_dict\): 0 has to be at least 1"
    ):
        epochs(tmp_path, user_block_size=0)

from __future__ import annotations

import pytest
import torch
from torch import nn

from recbole_llm4msr.training.optim.deferred_adam import DeferredAdam, unlimited_sums
from recbole_llm4msr.training.optim.hybrid import HybridOptimizer, make_tables_sparse
from recbole_llm4msr.training.optim.row_wise_adagrad import RowWiseAdagrad
from tests.training.test_trainer import make


def adagrad_by_hand(g: torch.Tensor, state: dict) -> torch.Tensor:
    state["sum"] = state.get("sum", 0) + g.square().mean()
    return g / (state["sum"].sqrt() + 1e-8)


def test_row_wise_adagrad_equals_its_formula_and_changes_only_rows_with_gradients() -> None:
    torch.manual_seed(0)
    table = nn.Embedding(6, 3, sparse=True)
    expected, states = table.weight.detach().clone(), [{} for _ in range(6)]
    optimizer = RowWiseAdagrad([table.weight], lr=0.1)
    for ids in ([1, 1, 4], [4, 2, 4], [1, 2, 2]):
        optimizer.zero_grad()
        index = torch.tensor(ids)
        factor = torch.randn(3, 3)
        (table(index) * factor).sum().backward()
        optimizer.step()
        for row in set(ids):
            g = factor[index == row].sum(dim=0)
            expected[row] -= 0.1 * adagrad_by_hand(g, states[row])
    torch.testing.assert_close(table.weight.detach(), expected)


@pytest.mark.parametrize(
    ("scale", "betas", "near"),
    [
        (1, (0.9, 0.999), 5e-6),
        (1, (0.8, 0.99), 5e-6),
        (1e-10, (0.9, 0.999), 5e-6),
        # eps is as large as the root: its terms are not all the same, and the sum is approximate.
        (1e-7, (0.9, 0.999), 1e-3),
    ],
)
def test_deferred_adam_gives_the_results_of_dense_adam(scale: float, betas, near: float) -> None:
    """Rows are read once, often, twice in a batch, by a loss on the whole table, or never."""
    torch.manual_seed(0)
    dense, sparse = nn.Embedding(40, 3), nn.Embedding(40, 3, sparse=True)
    with torch.no_grad():
        sparse.weight.copy_(dense.weight)
    start = dense.weight.detach().clone()
    adam = torch.optim.Adam(dense.parameters(), lr=0.01, betas=betas)
    deferred = DeferredAdam([sparse.weight], lr=0.01, betas=betas)
    deferred.update_before_reads([sparse])
    often = torch.rand(39) ** 4
    for step in range(300):
        rows, factor = torch.multinomial(often, 3, replacement=True), scale * torch.randn(3, 3)
        read = []
        for table, optimizer in ((dense, adam), (sparse, deferred)):
            optimizer.zero_grad()
            read.append(table(rows))
            loss = (factor * read[-1] + scale * read[-1].square()).sum()
            if step in (100, 101):
                optimizer.settle() if optimizer is deferred else None
                loss = loss + scale * table.weight[:-1].square().sum()
            loss.backward()
            optimizer.step()
        torch.testing.assert_close(read[0], read[1], atol=near, rtol=0)
    assert (dense.weight - sparse.weight).abs().max() > near  # steps are postponed
    deferred.settle()
    torch.testing.assert_close(dense.weight, sparse.weight, atol=near, rtol=0)
    assert (start - sparse.weight).abs().max() > 50 * near
    assert torch.equal(start[-1], sparse.weight[-1])


def test_the_sums_of_deferred_adam_equal_their_series() -> None:
    beta1, beta2 = 0.9, 0.99
    sums = unlimited_sums(50, (beta1, beta2))
    for t in (0, 1, 49):
        plain = [(j, beta1**j / (1 - beta1 ** (t + j))) for j in range(1, 500)]
        scaled = [term * ((1 - beta2 ** (t + j)) / beta2**j) ** 0.5 for j, term in plain]
        expected = torch.tensor([sum(scaled), sum(term for _, term in plain)], dtype=torch.float64)
        torch.testing.assert_close(sums[t], expected)
    with pytest.raises(ValueError, match="without end"):
        DeferredAdam([nn.Parameter(torch.zeros(2, 2))], lr=0.1, betas=(0.99, 0.9))


def test_training_and_resuming_with_deferred_adam_equals_dense_adam(toy, tmp_path) -> None:
    """Up to rounding, in a run and in one resumed from a checkpoint."""
    runs = {}
    for choice in ("dense", "deferred_adam"):
        settings = {"embedding_optimizer": choice, "train_batch_size": 64}
        trainer, (train, valid, _) = make(tmp_path, **settings)
        trainer._train_epoch(train, 0)
        trainer._save_checkpoint(0)
        resumed, (train, *_) = make(tmp_path, **settings)
        resumed.resume_checkpoint(trainer.saved_model_file)
        resumed._train_epoch(train, 1)
        scores = resumed.predict_rows(valid).get("rec.score")
        runs[choice] = resumed.model.token_embedding_table.embedding.weight.detach(), scores
    for one, other in zip(*runs.values(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=0)


@pytest.mark.parametrize("learner", ["adam", "adamw", "sgd", "rmsprop"])
def test_a_fused_optimizer_gives_the_same_results_up_to_rounding(toy, tmp_path, learner) -> None:
    weights = []
    for fused in (False, True):
        settings = {"learner": learner, "fused_optimizer": fused}
        trainer, (train, *_) = make(tmp_path, "SharedBottom", **settings)
        has_fused = learner != "rmsprop"
        (group,) = trainer.optimizer.param_groups
        assert bool(group.get("fused")) is (fused and has_fused)
        for epoch in range(3):
            trainer._train_epoch(train, epoch)
        weights.append([p.detach() for p in trainer.model.parameters()])
    for one, other in zip(*weights, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=0)


@pytest.mark.parametrize("choice", ["sparse_adam", "rowwise_adagrad"])
def test_sparse_training_learns_and_resumes(toy, tmp_path, choice: str) -> None:
    settings = {"embedding_optimizer": choice, "epochs": 6, "learning_rate": 0.01}
    trainer, (train, _, test) = make(tmp_path, **settings)
    assert isinstance(trainer.optimizer, HybridOptimizer)
    losses = [trainer._train_epoch(train, epoch) for epoch in range(6)]
    assert losses[-1] < losses[0]
    trainer._save_checkpoint(5)
    other, _ = make(tmp_path, **settings)
    other.resume_checkpoint(trainer.saved_model_file)
    assert other.evaluate(test, load_best_model=False) == trainer.evaluate(
        test, load_best_model=False
    )


@pytest.mark.parametrize(
    ("saved_by", "resumed_by"),
    [("deferred_adam", "rowwise_adagrad"), ("sparse_adam", "dense"), ("dense", "deferred_adam")],
)
def test_a_checkpoint_is_not_resumed_by_another_optimiser(toy, tmp_path, saved_by, resumed_by):
    trainer, (train, *_) = make(tmp_path, embedding_optimizer=saved_by)
    trainer._train_epoch(train, 0)
    trainer._save_checkpoint(0)
    other, _ = make(tmp_path, embedding_optimizer=resumed_by)
    with pytest.raises(ValueError, match=f"optimizer: {saved_by}, and here it is {resumed_by}"):
        other.resume_checkpoint(trainer.saved_model_file)


def test_the_first_step_of_sparse_adam_equals_that_of_dense_adam(toy, tmp_path) -> None:
    """Lazy and dense Adam are equal until a row has a step without gradient."""
    # Without normalisation some gradients are so small that rounding decides their sign.
    one_step = {"train_batch_size": 4096, "partitioned_norm": True}
    weights = []
    for choice in ("dense", "sparse_adam"):
        trainer, (train, *_) = make(tmp_path, embedding_optimizer=choice, **one_step)
        trainer._train_epoch(train, 0)
        weights.append(trainer.model.token_embedding_table.embedding.weight.detach())
    torch.testing.assert_close(*weights)


@pytest.mark.parametrize("choice", ["sparse_adam", "rowwise_adagrad", "deferred_adam"])
def test_a_table_may_be_read_as_a_whole(toy, tmp_path, choice: str) -> None:
    trainer, (train, _, _) = make(tmp_path, "M2M", embedding_optimizer=choice)
    table = trainer.model.scenario_embedding.weight
    before = table.detach().clone()
    trainer._train_epoch(train, 0)
    assert ((table - before).abs().amax(dim=1) > 0).all()


def test_auto_makes_only_large_tables_sparse() -> None:
    model = nn.ModuleList([nn.Embedding(10, 1), nn.Embedding(500_000, 1)])
    assert make_tables_sparse(model, "dense") == []
    (table,) = make_tables_sparse(model, "auto")
    assert table is model[1]
    assert [m.sparse for m in model] == [False, True]
    with pytest.raises(ValueError, match="not one of auto, dense"):
        make_tables_sparse(model, "adam")
    with pytest.raises(ValueError, match="'rowwise_adam' is not one of .*; deferred_adam updates"):
        make_tables_sparse(model, "rowwise_adam")


def test_auto_is_dense_where_deferred_adam_would_give_other_results(
    toy, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("recbole_llm4msr.training.optim.hybrid.AUTO_ROWS", 10)
    trainer, _ = make(tmp_path)
    assert isinstance(trainer.optimizer.parts["sparse"], DeferredAdam)
    for settings in (
        {"learner": "sgd"},
        {"weight_decay": 0.1},
        {"clip_grad_norm": {"max_norm": 1}},
        {"embedding_optimizer": "dense"},
    ):
        trainer, _ = make(tmp_path, **settings)
        assert not isinstance(trainer.optimizer, HybridOptimizer)


def test_contradicting_optimizer_options_raise(toy, tmp_path) -> None:
    with pytest.raises(ValueError, match="clip_grad_norm needs"):
        make(tmp_path, embedding_optimizer="sparse_adam", clip_grad_norm={"max_norm": 1})
    with pytest.raises(ValueError, match="embedding_learning_rate needs"):
        make(tmp_path, embedding_optimizer="dense", embedding_learning_rate=0.1)
    with pytest.raises(ValueError, match="embedding_learning_rate needs"):
        make(tmp_path, embedding_learning_rate=0.1)  # auto, and no large table


def test_embedding_learning_rate_is_the_learning_rate_of_the_tables(toy, tmp_path) -> None:
    settings = {"embedding_optimizer": "sparse_adam", "learning_rate": 0.01}
    for own, rate in ((None, 0.01), (0.002, 0.002)):
        trainer, _ = make(tmp_path, **settings, embedding_learning_rate=own)
        parts = trainer.optimizer.parts
        rates = [part.param_groups[0]["lr"] for part in (parts["sparse"], parts["dense"])]
        assert rates == [rate, 0.01]

"""Cross-fitting: what a training row is trained with does not depend on the row's own label."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import recbole
import torch

from recbole_llm4msr.data.atomic import read_atomic
from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge import prepare_knowledge
from recbole_llm4msr.knowledge.audit.probes import item_vectors, row_vectors
from recbole_llm4msr.knowledge.prompts.folds import LEAST_GROUPS, assign_folds
from tests.knowledge.coin_flips import coin_history, compared, readable, share_of_positives

# Standard errors of an AUC on the rows below are .004 to .009.
CHANCE = 0.53


def test_a_positive_and_its_negative_share_a_fold(history):
    folds = assign_folds(history.rows, 2, seed=7)
    groups = history.rows.with_columns(fold=pl.Series(folds))
    groups = groups.group_by("user", "time").agg(pl.col("fold").n_unique())
    assert groups["fold"].max() == 1


def test_folds_are_balanced_within_a_user_and_do_not_depend_on_the_order(history):
    rows = history.rows.filter(pl.col("user") == "eve")
    assert sorted(np.bincount(assign_folds(rows, 3, seed=1))) in ([0, 2, 3], [2, 3])
    straight = assign_folds(history.rows, 3, seed=1)
    assert (assign_folds(history.rows.reverse(), 3, seed=1)[::-1] == straight).all()
    assert (assign_folds(history.rows, 3, seed=2) != straight).any()


@pytest.mark.parametrize("times", [True, False])
def test_a_user_has_as_many_folds_as_it_has_groups_for(times):
    history = coin_history((20, 100), n_users=60, times=times)
    rows = history.rows.with_columns(fold=pl.Series(assign_folds(history.rows, 5, seed=3)))
    of_user = rows.group_by("user").agg(pl.len(), folds=pl.col("fold").n_unique())
    expected = (of_user["len"] // LEAST_GROUPS).clip(2, 5)
    assert (of_user["folds"] == expected).all()


@pytest.mark.parametrize("negatives", [False, True])
@pytest.mark.parametrize("times", [True, False])
def test_folds_do_not_depend_on_the_order_of_the_rows(times, negatives):
    rows = coin_history((4, 20), n_users=50, times=times, negatives=negatives).rows
    straight = assign_folds(rows, 4, seed=1)
    assert (assign_folds(rows.reverse(), 4, seed=1)[::-1] == straight).all()


def test_drawn_negatives_without_times_share_the_fold_of_a_positive():
    rows = coin_history((4, 20), n_users=80, times=False, negatives=True).rows
    placed = rows.with_columns(fold=pl.Series(assign_folds(rows, 2, seed=1)))
    share = placed.group_by("user", "fold").agg(pl.col("label").mean())
    assert (share["label"] == 0.5).all()


@pytest.mark.parametrize("times", [True, False])
def test_a_rows_label_does_not_change_what_the_row_is_trained_with(times, settings):
    """Exact: with the label turned, every bit of the row's vector is the same."""
    history = coin_history((4, 30), n_users=40, n_items=60, times=times)
    keys = {"knowledge_folds": 5, "interaction_threshold": 3, "item_knowledge": True}
    before = prepare_knowledge(settings(**keys), history)
    for row in (0, 101, 202):
        label = history.rows["label"].to_numpy().copy()
        label[row] = 1 - label[row]
        turned = replace(history, rows=history.rows.with_columns(label=pl.Series(label)))
        after = prepare_knowledge(settings(**keys), turned)
        assert torch.equal(after.user[after.train_index[row]], before.user[before.train_index[row]])
        assert not torch.equal(after.user, before.user)  # of the other rows it is known
        assert torch.equal(after.item, before.item)


CASES = [((2, 6), 1500, 5), ((4, 20), 1500, 2), ((20, 40), 600, 5), ((80, 120), 250, 10)]


@pytest.mark.parametrize("negatives", [False, True])
@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize(("rows_per_user", "n_users", "folds"), CASES)
def test_a_probe_cannot_read_coin_flips_with_folds(
    rows_per_user, n_users, folds, times, negatives, settings
):
    """Neither from a row's vector, nor with its item's, nor compared with the user's full vector.

    A model with an embedding per user knows the user's share of positives without any knowledge, so
    the comparison may tell that and no more.
    """
    history = coin_history(rows_per_user, n_users=n_users, times=times, negatives=negatives, seed=1)
    keys = {"knowledge_folds": folds, "item_knowledge": True, "knowledge_size": 64}
    found = prepare_knowledge(settings(**keys), history)
    own, item = row_vectors(found, history), item_vectors(found, history)
    assert readable(own, history) < CHANCE
    assert readable(np.column_stack([own, own * item]), history) < CHANCE
    assert (
        readable(compared(found, history), history)
        < readable(share_of_positives(history), history) + 0.02
    )


def test_a_probe_reads_the_label_with_a_single_fold(settings):
    """A row's own item stands in its prompt: what the probes above would find."""
    history = coin_history((4, 20), n_users=600, seed=1)
    found = prepare_knowledge(settings(item_knowledge=True, knowledge_size=64), history)
    own, item = row_vectors(found, history), item_vectors(found, history)
    assert readable(np.column_stack([own, own * item]), history) > 0.9


@pytest.mark.parametrize("threshold", [1, 8])
def test_the_threshold_does_not_reveal_the_label(threshold, settings):
    """Whether a user has a prompt of its own follows from its rows, whatever their label."""
    history = coin_history((4, 20), seed=1)
    keys = {"interaction_threshold": threshold, "knowledge_folds": 2}
    found = prepare_knowledge(settings(**keys), history)
    n_users = len(history.users) + 1
    shared = np.bincount(found.train_index.numpy(), minlength=len(found.user))
    counts = shared[found.train_index]
    assert readable(counts[:, None], history) < CHANCE
    assert (found.train_index >= n_users).all()


def movielens(n_users: int, seed: int) -> TrainingHistory:
    """Some users of RecBole's MovieLens with coin flips in the place of their ratings."""
    folder = Path(recbole.__file__).parent / "dataset_example" / "ml-100k"
    rows = read_atomic(folder / "ml-100k.inter", ["user_id", "item_id", "timestamp"], "\t", "utf-8")
    rows = rows.filter(pl.col("user_id").cast(pl.Int64) <= n_users).select(
        user=pl.col("user_id").cast(pl.String),
        item=pl.col("item_id").cast(pl.String),
        scenario=pl.when(pl.col("user_id").cast(pl.Int64) % 2 == 0)
        .then(pl.lit("even"))
        .otherwise(pl.lit("odd")),
        time=pl.col("timestamp").cast(pl.Float64),
    )
    coin = np.random.default_rng(seed).integers(2, size=rows.height)
    rows = rows.with_columns(label=pl.Series(coin, dtype=pl.Float32))
    texts = read_atomic(folder / "ml-100k.item", ["item_id", "movie_title", "class"], "\t", "utf-8")
    texts = texts.rename({"item_id": "item"}).with_columns(pl.col("item").cast(pl.String))
    items = texts.join(rows.select("item").unique(), on="item", how="semi")
    return TrainingHistory(
        dataset="ml-100k",
        rows=rows,
        users=rows["user"].unique(maintain_order=True).to_list(),
        items=items,
        item_tokens=items["item"].to_list(),
        scenarios=["even", "odd"],
        scenario_names=["Even", "Odd"],
        scenario_descriptions=["", ""],
    )


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_a_probe_cannot_read_coin_flips_on_movielens(folds, settings):
    history = movielens(200, seed=5)
    keys = {"item_text_fields": ["movie_title", "class"], "knowledge_size": 64}
    found = prepare_knowledge(settings(knowledge_folds=folds, item_knowledge=True, **keys), history)
    own, item = row_vectors(found, history), item_vectors(found, history)
    assert readable(own, history) < CHANCE
    assert readable(np.column_stack([own, own * item]), history) < CHANCE
    assert (
        readable(compared(found, history), history)
        < readable(share_of_positives(history), history) + 0.02
    )

"""Samples of users, and labels permuted within users."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory


def sample_users(
    history: TrainingHistory, most_rows: int, seed: int, *, both_labels: bool = False
) -> TrainingHistory | None:
    """Draw users at random, with all of their training rows.

    Args:
        history: The training rows.
        most_rows: Users are drawn until they have this many rows; at least one user.
        seed: Seed of the draw.
        both_labels: Draw only users with positive and negative rows.

    Returns:
        The history of these users, its users and items in the order of the ids; ``None`` where
        there is no such user.
    """
    counts = history.rows.group_by("user").agg(
        rows=pl.len(), positives=(pl.col("label") > 0.5).sum()
    )
    if both_labels:
        counts = counts.filter(pl.col("positives").is_between(1, pl.col("rows") - 1))
    if not counts.height:
        return None
    drawn = counts.sort("user").sample(fraction=1, shuffle=True, seed=seed)
    before = pl.col("rows").cum_sum() - pl.col("rows")
    drawn = drawn.filter((before == 0) | (before + pl.col("rows") <= most_rows))
    rows = history.rows.filter(pl.col("user").is_in(drawn["user"].implode()))
    users, items = set(rows["user"]), set(rows["item"])
    return replace(
        history,
        rows=rows,
        users=[user for user in history.users if user in users],
        items=history.items.filter(pl.col("item").is_in(rows["item"].unique().implode())),
        item_tokens=[item for item in history.item_tokens if item in items],
    )


def permute_labels(history: TrainingHistory, seed: int) -> TrainingHistory:
    """Permute the labels of every user's rows at random.

    Labels then depend on nothing but their user's share of positives.
    """
    users = np.unique(history.rows["user"].to_numpy(), return_inverse=True)[1]
    label = history.rows["label"].to_numpy()
    key = np.random.default_rng(seed).random(len(label))
    permuted = np.empty_like(label)
    permuted[np.argsort(users, kind="stable")] = label[np.lexsort((key, users))]
    return replace(history, rows=history.rows.with_columns(label=pl.Series(permuted)))

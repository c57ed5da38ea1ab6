"""Cross-fitting: assign training rows to folds; a row is trained with a prompt without its fold.

A training row's own item is in its user's prompt, so a model can learn to recognise the label
instead of the taste. With K folds, a row of fold k is trained with the prompt of its user's history
without fold k. Folds do not depend on labels, so that a row's vector does not change with the row's
own label.
"""

from __future__ import annotations

import numpy as np
import polars as pl

#: Fewest groups in a fold, except that a user has at least two folds. The items that a fold leaves
#: out of its user's prompts reveal the number of positives of the fold to a model that also knows
#: the user; the fewer rows the fold has, the more that reveals about each.
LEAST_GROUPS = 8


def assign_folds(rows: pl.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Assign every training row to a fold.

    Rows of one user and time belong together (an impression and its sampled negatives) and share a
    fold, as do a user's rows of one item without a time. A user's groups are spread evenly over
    ``groups // LEAST_GROUPS`` folds, at least 2 and at most K, in a random order that does not
    depend on the order of the rows.

    Args:
        rows: The rows of a :class:`~recbole_llm4msr.data.history.TrainingHistory`.
        folds: K, at least 2.
        seed: Seed of the order.

    Returns:
        int64 array of shape (n_rows,), values 0 .. K - 1.

    Raises:
        ValueError: ``folds`` is below 2.
    """
    if folds < 2:
        raise ValueError(f"folds: {folds}; cross-fitting needs at least 2")
    random = np.random.default_rng(seed)
    placed = rows.select("user", group=_groups(rows, random))
    groups = placed.unique().sort("user", "group")
    groups = groups.with_columns(order=pl.Series(random.random(groups.height)))
    starts = groups.select(pl.col("user").unique(maintain_order=True))
    starts = starts.with_columns(start=pl.Series(random.integers(folds, size=starts.height)))
    groups = groups.join(starts, on="user", how="left").sort("user", "order")
    groups = groups.with_columns(
        fold=(pl.int_range(pl.len()).over("user") + pl.col("start"))
        % (pl.len().over("user") // LEAST_GROUPS).clip(2, folds)
    )
    joined = placed.join(groups, on=["user", "group"], how="left", maintain_order="left")
    return joined["fold"].to_numpy()


def _groups(rows: pl.DataFrame, random: np.random.Generator) -> pl.Series:
    """Return the group of every row within its user: its time, else its item or drawn pair."""
    timeless = rows["time"].is_null()
    item = rows.select(pl.concat_str(pl.lit("item"), "item", separator="\x1f")).to_series()
    if timeless.any():
        drawn = _drawn_groups(rows.filter(timeless), random)
        if drawn is not None:
            item = item.scatter(timeless.arg_true(), drawn)
    return rows["time"].cast(pl.String).fill_null(item).alias("group")


def _drawn_groups(rows: pl.DataFrame, random: np.random.Generator) -> pl.Series | None:
    """Group each positive with its share of drawn negatives, where every user has the same ratio.

    With a fixed ratio, the labels of a user's other rows reveal a row's label by counting. With
    folds of whole groups the ratio is the same in every fold. Returns ``None`` where the ratio is
    not fixed.
    """
    positive = (rows["label"] > 0.5).to_numpy()
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative or n_negative % n_positive:
        return None
    ratio = n_negative // n_positive
    counts = rows.group_by("user").agg(
        positives=(pl.col("label") > 0.5).sum(), negatives=(pl.col("label") <= 0.5).sum()
    )
    if (counts["negatives"] != ratio * counts["positives"]).any():
        return None
    # Sorted first, so that the pairs do not depend on the order of the rows.
    numbered = rows.select("user", "item", "scenario", positive=pl.Series(positive))
    numbered = numbered.with_row_index("row").sort("user", "positive", "item", "scenario")
    numbered = numbered.with_columns(order=pl.Series(random.random(numbered.height)))
    numbered = numbered.sort("user", "positive", "order").with_columns(
        rank=pl.int_range(pl.len()).over("user", "positive")
    )
    pair = pl.when("positive").then("rank").otherwise(pl.col("rank") // ratio)
    numbered = numbered.select("row", pair=pl.concat_str(pl.lit("pair"), pair, separator="\x1f"))
    return numbered.sort("row")["pair"]

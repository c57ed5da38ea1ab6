"""Folds of the training rows, for knowledge that never speaks for the row it is used on.

A training row's own item stands in its user's prompt, so a model can learn to recognise a label
instead of a taste. With K folds, a row of fold k is trained with the prompt of its user's
history without fold k (cross-fitting).
"""

from __future__ import annotations

import numpy as np
import polars as pl


def assign_folds(rows: pl.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Give every training row its fold.

    Rows of one user, scenario and time belong together (an impression and its sampled negatives)
    and share a fold; a row without a time stands alone. A user's groups are spread evenly over
    the folds, in a random order that does not depend on the order of the rows.

    Args:
        rows: The rows of a :class:`~recbole_llm4msr.data.history.TrainingHistory`.
        folds: K, at least 2.
        seed: Seed of the order.

    Returns:
        int64 array of shape (n_rows,), values 0 .. K - 1.
    """
    if folds < 2:
        raise ValueError(f"folds: {folds}; cross-fitting needs at least 2")
    key = pl.concat_str(
        [
            pl.col("scenario"),
            # Without a time the label keeps an item's rows apart from each other's order.
            pl.when(pl.col("time").is_null())
            .then(pl.concat_str([pl.lit("item"), "item", pl.col("label").cast(pl.String)]))
            .otherwise(pl.col("time").cast(pl.String)),
        ],
        separator="\x1f",
    )
    groups = rows.select("user", key.alias("group")).unique().sort("user", "group")
    random = np.random.default_rng(seed)
    groups = groups.with_columns(order=pl.Series(random.random(groups.height)))
    starts = groups.select(pl.col("user").unique(maintain_order=True))
    starts = starts.with_columns(start=pl.Series(random.integers(folds, size=starts.height)))
    groups = groups.join(starts, on="user", how="left").sort("user", "order")
    groups = groups.with_columns(
        fold=(pl.int_range(pl.len()).over("user") + pl.col("start")) % folds
    )
    joined = rows.select("user", key.alias("group")).join(
        groups.select("user", "group", "fold"),
        on=["user", "group"],
        how="left",
        maintain_order="left",
    )
    return joined["fold"].to_numpy()

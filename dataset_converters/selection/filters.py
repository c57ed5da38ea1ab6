"""Filter interactions: k-core, a sample of users, repeats."""

from __future__ import annotations

import numpy as np
import polars as pl


def k_core(inter: pl.DataFrame, k: int) -> pl.DataFrame:
    """Keep users and items with at least ``k`` rows each, over all scenarios together.

    Removing an item may leave a user with too few rows, so both filters are repeated until
    nothing changes.

    Args:
        inter: Rows with ``user_id`` and ``item_id``.
        k: Minimum number of rows of a user and of an item; 1 or less keeps everything.
    """
    if k <= 1 or inter.is_empty():
        return inter
    user = inter["user_id"].rank("dense").to_numpy().astype(np.int32) - 1
    item = inter["item_id"].rank("dense").to_numpy().astype(np.int32) - 1
    n_users, n_items = int(user.max()) + 1, int(item.max()) + 1
    rows = np.arange(inter.height)
    while True:
        enough = (np.bincount(user, minlength=n_users) >= k)[user]
        enough &= (np.bincount(item, minlength=n_items) >= k)[item]
        if enough.all():
            return inter[rows] if len(rows) < inter.height else inter
        user, item, rows = user[enough], item[enough], rows[enough]
        if not len(rows):
            return inter.clear()


def sample_users(inter: pl.DataFrame, number: int, seed: int) -> pl.DataFrame:
    """Keep all rows of ``number`` users drawn uniformly; the same seed draws the same users."""
    users = inter["user_id"].unique().sort()
    if number >= len(users):
        return inter
    drawn = users.sample(number, seed=seed)
    return inter.filter(pl.col("user_id").is_in(drawn.implode()))


def latest_of_repeats(inter: pl.DataFrame) -> pl.DataFrame:
    """Keep the latest row of each user, item and scenario; the order of the rows is kept.

    Args:
        inter: Rows with ``user_id``, ``item_id``, ``scenario``, and ``timestamp`` if there are
            times; without them the last row is the latest.
    """
    rows = inter.with_row_index("_row")
    if "timestamp" in inter.columns:
        rows = rows.sort("timestamp", maintain_order=True)
    key = ["user_id", "item_id", "scenario"]
    latest = rows.unique(subset=key, keep="last", maintain_order=True)
    return latest.sort("_row").drop("_row")

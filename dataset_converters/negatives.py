"""Sampled negatives for positive-only feedback."""

from __future__ import annotations

import numpy as np
import polars as pl

from dataset_converters.errors import ConverterError

POPULARITY_POWER = 0.75  # as in word2vec's negative sampling, Mikolov et al., 2013
_ROUNDS = 100


def add_negatives(
    inter: pl.DataFrame, had: pl.DataFrame, number: int, *, by_popularity: bool, seed: int
) -> tuple[pl.DataFrame, int]:
    """Put ``number`` negatives behind each positive.

    A negative is an item of the same scenario that the user never has there, drawn anew for each
    positive; it takes over the positive's time, so that a split by time keeps the two together.

    Args:
        inter: Positives, with ``user_id, item_id, scenario, label`` and any further columns.
        had: All that users have ever had, ``user_id, item_id, scenario``: the positives, and
            what is none of them because of its time.
        number: Negatives of each positive.
        by_popularity: Draw by (rows of the item in the scenario) ** 0.75, or else uniformly.
        seed: Same seed, same negatives.

    Returns:
        Positives and negatives, and how many negatives could not be found because a user
        has nearly every item of the scenario.
    """
    if number < 1:
        raise ConverterError(f"--negatives={number}: at least 1")
    rng = np.random.default_rng(seed)
    parts, missing = [], 0
    rows = inter.with_row_index("_row")
    for name in sorted(inter["scenario"].unique()):
        part = rows.filter(pl.col("scenario") == name)
        users, items = (part[key].unique().sort() for key in ("user_id", "item_id"))
        met = had.filter(
            pl.col("scenario") == name,
            pl.col("user_id").is_in(users.implode()),
            pl.col("item_id").is_in(items.implode()),
        )
        taken = np.unique(
            _place(users, met["user_id"]) * len(items) + _place(items, met["item_id"])
        )
        user, item = _place(users, part["user_id"]), _place(items, part["item_id"])
        count = np.bincount(item, minlength=len(items)).astype(float)
        weight = np.cumsum(count**POPULARITY_POWER if by_popularity else np.ones(len(items)))
        source = np.repeat(np.arange(part.height), number)
        drawn = np.full(len(source), -1)
        open_rows = np.arange(len(source))
        for _ in range(_ROUNDS):
            trial = np.searchsorted(weight, rng.random(len(open_rows)) * weight[-1], side="right")
            trial = np.minimum(trial, len(items) - 1)
            code = user[source[open_rows]] * len(items) + trial
            place = np.minimum(np.searchsorted(taken, code), len(taken) - 1)
            free = taken[place] != code
            drawn[open_rows[free]] = trial[free]
            open_rows = open_rows[~free]
            if not len(open_rows):
                break
        missing += len(open_rows)
        found = drawn >= 0
        negative = part[source[found]].with_columns(
            items[drawn[found]].alias("item_id"), pl.lit(0, inter.schema["label"]).alias("label")
        )
        parts += [part, negative]
    together = pl.concat(parts).sort("_row", "label", descending=[False, True], maintain_order=True)
    return together.drop("_row"), missing


def _place(sorted_values: pl.Series, values: pl.Series) -> np.ndarray:
    return sorted_values.search_sorted(values).to_numpy().astype(np.int64)

"""Sample negatives for implicit feedback, by popularity or uniformly."""

from __future__ import annotations

import numpy as np
import polars as pl

from dataset_converters.errors import ConverterError

POPULARITY_POWER = 0.75  # as in word2vec's negative sampling, Mikolov et al., 2013
_MAX_ROUNDS = 100


def add_negatives(
    inter: pl.DataFrame, history: pl.DataFrame, number: int, *, by_popularity: bool, seed: int
) -> tuple[pl.DataFrame, int]:
    """Insert ``number`` sampled negatives after each positive.

    A negative is an item of the same scenario that the user never has there, drawn anew for each
    positive. It gets the time of the positive, so that a split by time keeps the two together.

    Args:
        inter: Positives, with ``user_id, item_id, scenario, label`` and any other columns.
        history: All interactions of the users, ``user_id, item_id, scenario``; those that a time
            range or another filter removed must not become negatives either.
        number: Negatives per positive.
        by_popularity: Draw by (rows of the item in the scenario) ** 0.75; if false, uniformly.
        seed: Seed of the random generator.

    Returns:
        Positives and negatives, and the number of negatives that could not be drawn because
        a user has nearly every item of the scenario.

    Raises:
        ConverterError: ``number`` is below 1.
    """
    if number < 1:
        raise ConverterError(f"--negatives={number}: must be at least 1")
    rng = np.random.default_rng(seed)
    parts, missing = [], 0
    rows = inter.with_row_index("_row")
    for name in sorted(inter["scenario"].unique()):
        part = rows.filter(pl.col("scenario") == name)
        users, items = (part[key].unique().sort() for key in ("user_id", "item_id"))
        known = history.filter(
            pl.col("scenario") == name,
            pl.col("user_id").is_in(users.implode()),
            pl.col("item_id").is_in(items.implode()),
        )
        known_pairs = np.unique(
            _index_in(users, known["user_id"]) * len(items) + _index_in(items, known["item_id"])
        )
        user, item = _index_in(users, part["user_id"]), _index_in(items, part["item_id"])
        count = np.bincount(item, minlength=len(items)).astype(float)
        cumulated = np.cumsum(count**POPULARITY_POWER if by_popularity else np.ones(len(items)))
        source = np.repeat(np.arange(part.height), number)
        drawn = np.full(len(source), -1)
        pending = np.arange(len(source))  # positions in `drawn` without a negative yet
        for _ in range(_MAX_ROUNDS):
            trial = np.searchsorted(
                cumulated, rng.random(len(pending)) * cumulated[-1], side="right"
            )
            trial = np.minimum(trial, len(items) - 1)
            pair = user[source[pending]] * len(items) + trial
            index = np.minimum(np.searchsorted(known_pairs, pair), len(known_pairs) - 1)
            is_negative = known_pairs[index] != pair
            drawn[pending[is_negative]] = trial[is_negative]
            pending = pending[~is_negative]
            if not len(pending):
                break
        missing += len(pending)
        is_drawn = drawn >= 0
        negative = part[source[is_drawn]].with_columns(
            items[drawn[is_drawn]].alias("item_id"), pl.lit(0, inter.schema["label"]).alias("label")
        )
        parts += [part, negative]
    together = pl.concat(parts).sort("_row", "label", descending=[False, True], maintain_order=True)
    return together.drop("_row"), missing


def _index_in(sorted_values: pl.Series, values: pl.Series) -> np.ndarray:
    """Return the position of each value among the sorted values, (n,) int64."""
    return sorted_values.search_sorted(values).to_numpy().astype(np.int64)

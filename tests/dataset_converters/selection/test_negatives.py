"""Distribution of sampled negatives."""

import polars as pl
import pytest

from dataset_converters.selection import add_negatives


def test_popular_items_are_drawn_more_often() -> None:
    rows = [(f"u{i}", "hit") for i in range(800)] + [(f"v{i}", f"rare{i}") for i in range(200)]
    inter = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row").with_columns(
        scenario=pl.lit("s"), label=pl.lit(1, pl.UInt8)
    )
    for by_popularity, share in ((True, 800**0.75 / (800**0.75 + 200)), (False, 1 / 201)):
        both, missing = add_negatives(inter, inter, 20, by_popularity=by_popularity, seed=0)
        assert missing == 0
        drawn = both.filter((pl.col("label") == 0) & pl.col("user_id").str.starts_with("v"))
        # A user with one rare item can draw everything but that item.
        assert (drawn["item_id"] == "hit").mean() == pytest.approx(share, abs=0.03)

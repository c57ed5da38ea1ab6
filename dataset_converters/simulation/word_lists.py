"""Random lists of hashed words, as in the columns ``keyword`` and ``caption`` of KuaiSAR."""

from __future__ import annotations

import numpy as np
import polars as pl

_VOCABULARY = 3_000  # words of a category


def word_lists(
    category: np.ndarray, theme: np.ndarray, max_words: int, rng: np.random.Generator
) -> pl.Series:
    """Return (n,) string lists such as ``[1979292, 2548186]``, 0 to ``max_words`` words each.

    Args:
        category: (n,) category whose vocabulary the words are from.
        theme: (n,) theme, which shifts the most frequent words.
        max_words: Largest number of words.
        rng: Random generator.
    """
    n = len(category)
    rank = (_VOCABULARY * rng.random((n, max_words), np.float32) ** 3).astype(np.int64)
    words = 1_000_000 + category[:, None] * _VOCABULARY + (rank + 37 * theme[:, None]) % _VOCABULARY
    lists = pl.Series(words, dtype=pl.Array(pl.Int64, max_words)).arr.to_list()
    frame = pl.DataFrame({"words": lists, "n": rng.integers(0, max_words + 1, n)})
    joined = pl.col("words").list.head(pl.col("n")).cast(pl.List(pl.String)).list.join(", ")
    return frame.select(pl.format("[{}]", joined).alias("keyword"))["keyword"]

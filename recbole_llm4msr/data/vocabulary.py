"""Token columns as codes into a vocabulary, so that no Python string is made per row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import polars as pl


def encode(values: pl.Series) -> pd.Categorical:
    """A text column as codes and its distinct texts; missing texts have the code -1."""
    tokens = values.drop_nulls().unique(maintain_order=True)
    codes = values.cast(pl.Enum(tokens)).to_physical().cast(pl.Int32).fill_null(-1)
    return pd.Categorical.from_codes(codes.to_numpy(), categories=tokens.to_numpy())


def number(columns: Sequence[pd.Categorical]) -> tuple[list[np.ndarray], np.ndarray]:
    """Number the tokens of columns that share an id space as RecBole does.

    Ids start at 1, in the order in which the tokens appear in the columns, one column after the
    other; 0 is for missing values.

    Args:
        columns: The encoded columns, in order.

    Returns:
        The ids of every column (int64), and the tokens by id, ``"[PAD]"`` first.
    """
    vocabulary = columns[0].categories
    codes = [columns[0].codes.astype(np.int64)]
    for column in columns[1:]:
        place = vocabulary.get_indexer(column.categories)
        new = place < 0
        place[new] = len(vocabulary) + np.arange(new.sum())
        vocabulary = vocabulary.append(column.categories[new])
        codes.append(np.append(place, -1)[column.codes])  # the code -1 finds the -1 at the end
    joined = np.concatenate(codes)
    present = joined >= 0
    ids = np.zeros(len(joined), dtype=np.int64)
    order, used = pd.factorize(joined[present])
    ids[present] = order + 1
    tokens = np.array(["[PAD]", *vocabulary[used]])
    return np.split(ids, np.cumsum([len(part) for part in codes])[:-1]), tokens


class TokenIds(Mapping):
    """The id of every token of a field: a dict that is only made when somebody asks.

    Args:
        tokens: Tokens by id.
    """

    def __init__(self, tokens: np.ndarray) -> None:
        self._tokens = tokens
        self._ids: dict[str, int] | None = None

    def _made(self) -> dict[str, int]:
        if self._ids is None:
            self._ids = {token: i for i, token in enumerate(self._tokens)}
        return self._ids

    def __getitem__(self, token: str) -> int:
        return self._made()[token]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)

"""Encode token columns as integer codes, and assign RecBole's ids to the codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import polars as pl


def encode(values: pl.Series, as_numbers: bool = True) -> pd.Categorical:
    """Encode a text column as codes and its distinct values; missing texts have the code -1.

    Args:
        values: The column.
        as_numbers: Whether a column of integers only may be encoded as integers, in a tenth of the
            time. :func:`texts` gives the texts back.
    """
    numbers = _integers(values) if as_numbers else None
    if numbers is None:
        tokens = values.drop_nulls().unique(maintain_order=True)
        codes = values.cast(pl.Enum(tokens)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
        return pd.Categorical.from_codes(codes, categories=tokens.to_numpy())
    token_codes, tokens = pd.factorize(numbers.drop_nulls().to_numpy())
    codes = np.full(len(values), -1, dtype=np.int32)
    codes[values.is_not_null().to_numpy()] = token_codes
    return pd.Categorical.from_codes(codes, categories=tokens)


def _integers(values: pl.Series) -> pl.Series | None:
    """The texts as integers, if each is written as its integer is ("7", not "07")."""
    numbers = values.cast(pl.Int64, strict=False)
    if numbers.null_count() != values.null_count() or not (numbers.cast(pl.String) == values).all():
        return None
    return numbers


def texts(column: pd.Categorical) -> pd.Categorical:
    """The same column with texts as values, where :func:`encode` has made integers."""
    return column.rename_categories(column.categories.astype(str))


def number(columns: Sequence[pd.Categorical]) -> tuple[list[np.ndarray], np.ndarray]:
    """Assign ids to the tokens of columns that share an id space, as RecBole does.

    Ids start at 1, in the order in which the tokens appear in the columns, one column after the
    other; 0 is for missing values.

    Args:
        columns: The encoded columns, in order.

    Returns:
        The ids of every column (int64), and the tokens by id, ``"[PAD]"`` first.
    """
    if len({column.categories.dtype for column in columns}) > 1:
        columns = [texts(column) for column in columns]
    vocabulary = columns[0].categories
    codes = [columns[0].codes]
    for column in columns[1:]:
        place = vocabulary.get_indexer(column.categories)
        new = place < 0
        place[new] = len(vocabulary) + np.arange(new.sum())
        vocabulary = vocabulary.append(column.categories[new])
        codes.append(np.append(place, -1)[column.codes])  # the code -1 selects the -1 at the end
    joined = np.concatenate(codes)
    ends = np.cumsum([len(part) for part in codes])[:-1]
    if _appear_in_order(joined, len(vocabulary)):  # if no row has been dropped
        return np.split(joined.astype(np.int64) + 1, ends), _by_id(vocabulary)
    present = joined >= 0
    ids = np.zeros(len(joined), dtype=np.int64)
    order, used = pd.factorize(joined[present])
    ids[present] = order + 1
    return np.split(ids, ends), _by_id(vocabulary[used])


def _appear_in_order(codes: np.ndarray, n: int) -> bool:
    """Whether the codes are exactly 0 .. n - 1, each first used after the smaller ones."""
    if not len(codes) or codes.min() < 0:
        return False
    highest = np.maximum.accumulate(codes)
    return bool(highest[0] == 0 and highest[-1] == n - 1 and (np.diff(highest) <= 1).all())


def has_repeated_values(column: object) -> bool:
    """Whether an encoded column has a value twice; other columns are not looked at."""
    return isinstance(column, pd.Categorical) and (
        len(column.categories) < np.count_nonzero(column.codes >= 0)
    )


def covered(column: pd.Categorical, keys: pd.Categorical) -> bool:
    """Whether an encoded column has no missing value, and all its values are in ``keys``."""
    wanted, there = _used(column), _used(keys)
    if wanted[-1]:
        return False
    return bool(column.categories[wanted[:-1]].isin(keys.categories[there[:-1]]).all())


def _used(column: pd.Categorical) -> np.ndarray:
    """Which categories occur, and as the last element whether a value is missing."""
    used = np.zeros(len(column.categories) + 1, dtype=bool)
    used[column.codes] = True  # the code -1 marks the last
    return used


def _by_id(values: pd.Index) -> np.ndarray:
    if values.dtype == np.dtype(object):
        return np.array(["[PAD]", *values])
    width = max(5, *(len(str(end)) for end in (values.min(), values.max())))
    return np.concatenate([np.array(["[PAD]"]), values.to_numpy().astype(f"<U{width}")])


class TokenIds(Mapping):
    """The id of every token of a field: a dict that is built at the first lookup.

    Args:
        tokens: Tokens by id.
    """

    def __init__(self, tokens: np.ndarray) -> None:
        self._tokens = tokens
        self._ids: dict[str, int] | None = None

    def _dict(self) -> dict[str, int]:
        if self._ids is None:
            self._ids = {token: i for i, token in enumerate(self._tokens)}
        return self._ids

    def __getitem__(self, token: str) -> int:
        return self._dict()[token]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)

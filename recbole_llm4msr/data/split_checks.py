"""Checks of the splits of a data set: empty ones, copies of rows, scenarios without training."""

from __future__ import annotations

from collections.abc import Sequence
from logging import getLogger

import numpy as np
import polars as pl
from recbole.data.dataset import Dataset

#: Most rows of validation and test that are looked for among the training rows.
_LOOKED_AT = 100_000

#: Of the table of hashes, whose 4 MiB stay in a core's cache.
_HASH_BITS = 22

#: Training rows that are hashed at a time.
_BLOCK = 1 << 17

_SHOWN = 5


def check_splits(splits: Sequence[Dataset], time_column: str) -> None:
    """Warn of splits that give misleading results: copied rows, unseen scenarios, no rows.

    Args:
        splits: Training, validation and test split; fewer are not looked at.
        time_column: Name of the column of exact times.

    Raises:
        ValueError: There are no training rows.
    """
    if len(splits) != 3:
        return
    train, valid, test = splits
    logger = getLogger()
    if not len(train):
        raise ValueError("eval_args: no row is left to the training split")
    if not len(valid):
        logger.warning(
            "The validation split has no rows: training cannot stop early, and no best epoch can "
            "be chosen"
        )
    if not len(test):
        logger.warning("The test split has no rows: there will be no test result")
    _warn_of_copies(train, [valid, test], time_column)
    _warn_of_untrained_scenarios(train, {"validation": valid, "test": test})


def _warn_of_copies(train: Dataset, others: Sequence[Dataset], time_column: str) -> None:
    names = (train.uid_field, train.iid_field, getattr(train, "scenario_field", None))
    fields = [field for field in (*names, train.label_field) if field in train.inter_feat]
    if time_column in train.inter_feat:
        fields.append(time_column)
    elif train.time_field in train.inter_feat:
        fields.append(train.time_field)
    held = pl.concat([_frame(split, fields) for split in others])
    if not held.height:
        return
    looked_at = held
    if held.height > _LOOKED_AT:
        looked_at = held.sample(_LOOKED_AT, seed=0)
    keys = [field for field in names[:2] if field in train.inter_feat]
    alike = _frame(train, fields, _rows_like(train, looked_at, keys))
    copies = looked_at.join(alike, on=fields, how="semi").height
    if copies:
        getLogger().warning(
            "%s of %s rows of validation and test are copies of training rows (equal in %s), so "
            "that the result is too good; set rm_dup_inter: first, or remove them",
            f"{copies:,}",
            f"{looked_at.height:,}",
            ", ".join(train.time_field if field == time_column else field for field in fields),
        )


def _frame(split: Dataset, fields: list[str], rows: np.ndarray | None = None) -> pl.DataFrame:
    columns = {field: split.inter_feat[field].numpy() for field in fields}
    return pl.DataFrame(columns if rows is None else {f: v[rows] for f, v in columns.items()})


def _rows_like(train: Dataset, wanted: pl.DataFrame, fields: list[str]) -> np.ndarray:
    """Training rows that may have the same ids as some row of ``wanted``, and few others.

    A join of all training rows would take seconds and a copy of the data where they are many. Rows
    are looked up in a table of hashes of their ids, a block at a time.
    """
    table = np.zeros(1 << _HASH_BITS, dtype=bool)
    table[_hashes([wanted[field].to_numpy() for field in fields])] = True
    columns = [train.inter_feat[field].numpy() for field in fields]
    found = []
    for start in range(0, len(train), _BLOCK):
        block = _hashes([column[start : start + _BLOCK] for column in columns])
        found.append(start + np.flatnonzero(table[block]))
    return np.concatenate(found)


def _hashes(columns: list[np.ndarray]) -> np.ndarray:
    """A number of ``_HASH_BITS`` bits for each row, the same for the same ids."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed += column.view(np.uint64)
        mixed *= np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing; overflow wraps around
    mixed >>= np.uint64(64 - _HASH_BITS)
    return mixed.view(np.int64)


def untrained_scenarios(train: Dataset, *splits: Dataset) -> list[list[str]]:
    """Return, for each split, the raw tokens of its scenarios that ``train`` has no row of."""
    field = getattr(train, "scenario_field", None)
    if field is None:
        return [[] for _ in splits]
    tokens = train.field2id_token[field]
    has_rows = [
        np.bincount(split.inter_feat[field].numpy(), minlength=len(tokens)) > 0
        for split in (train, *splits)
    ]
    return [[str(token) for token in tokens[has & ~has_rows[0]]] for has in has_rows[1:]]


def listed(tokens: Sequence[str]) -> str:
    """Join the first few tokens, and count the others."""
    more = f" and {len(tokens) - _SHOWN} more" if len(tokens) > _SHOWN else ""
    return ", ".join(tokens[:_SHOWN]) + more


def _warn_of_untrained_scenarios(train: Dataset, others: dict[str, Dataset]) -> None:
    by_split = untrained_scenarios(train, *others.values())
    for name, tokens in zip(others, by_split, strict=True):
        if tokens:
            getLogger().warning(
                "Scenario %s has rows in the %s split and none to train on: its layers stay as "
                "they were drawn",
                listed(tokens),
                name,
            )

"""Checks of the splits of a data set: empty ones, copies of rows, scenarios without training."""

from __future__ import annotations

from collections.abc import Sequence
from logging import getLogger

import numpy as np
import polars as pl
from recbole.data.dataset import Dataset

#: Most rows of validation and test that are looked for among the training rows.
_LOOKED_AT = 100_000

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
    copies = looked_at.join(_frame(train, fields), on=fields, how="semi").height
    if copies:
        getLogger().warning(
            "%s of %s rows of validation and test are copies of training rows (equal in %s), so "
            "that the result is too good; set rm_dup_inter: first, or remove them",
            f"{copies:,}",
            f"{looked_at.height:,}",
            ", ".join(train.time_field if field == time_column else field for field in fields),
        )


def _frame(split: Dataset, fields: list[str]) -> pl.DataFrame:
    return pl.DataFrame({field: split.inter_feat[field].numpy() for field in fields})


def untrained_scenarios(train: Dataset, split: Dataset) -> list[str]:
    """Return the raw tokens of the scenarios that ``split`` has rows of and ``train`` has not."""
    field = getattr(train, "scenario_field", None)
    if field is None:
        return []
    ids = np.setdiff1d(split.inter_feat[field].numpy(), train.inter_feat[field].numpy())
    return [str(token) for token in train.field2id_token[field][ids]]


def listed(tokens: Sequence[str]) -> str:
    """Join the first few tokens, and count the others."""
    more = f" and {len(tokens) - _SHOWN} more" if len(tokens) > _SHOWN else ""
    return ", ".join(tokens[:_SHOWN]) + more


def _warn_of_untrained_scenarios(train: Dataset, others: dict[str, Dataset]) -> None:
    for name, split in others.items():
        tokens = untrained_scenarios(train, split)
        if tokens:
            getLogger().warning(
                "Scenario %s has rows in the %s split and none to train on: its layers stay as "
                "they were drawn",
                listed(tokens),
                name,
            )

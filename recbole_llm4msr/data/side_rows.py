"""Find interactions whose user or item has no row in the ``.user`` or ``.item`` file."""

from __future__ import annotations

import numpy as np
import pandas as pd
from recbole.data.dataset import Dataset

from recbole_llm4msr.data.vocabulary import covered


def rows_without_side_row(dataset: Dataset) -> tuple[np.ndarray | None, str]:
    """Mark the interactions of a user or item that its side file has no row of.

    Args:
        dataset: A data set whose files have been loaded; empty users and items count too.

    Returns:
        A mask of shape ``(n,)``, or ``None`` where no row is marked, and an example: field and id.
    """
    rows = dataset.inter_feat
    missing, example = None, ""
    for key, side in (
        (dataset.uid_field, dataset.user_feat),
        (dataset.iid_field, dataset.item_feat),
    ):
        if side is None or key not in rows or _is_covered(rows[key], side[key]):
            continue
        lost = ~rows[key].isin(side[key]).to_numpy()
        if lost.any():
            example = example or f"{key} {rows[key].iloc[int(lost.argmax())]}"
            missing = lost if missing is None else missing | lost
    return missing, example


def _is_covered(column: pd.Series, keys: pd.Series) -> bool:
    """Whether two encoded columns show without a look at every row that nothing is missing."""
    encoded = all(isinstance(c.dtype, pd.CategoricalDtype) for c in (column, keys))
    return encoded and covered(column.array, keys.array)
